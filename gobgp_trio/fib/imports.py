"""Import: the connected networks of listed interfaces, from addresses, as RIB entries.

A network is derived from an address, not from a route, so that addresses set with
``noprefixroute`` count.  An interface counts while it is switched on and has its carrier; it is
left out while it belongs to a VRF, because a glob must not leak a customer's networks.
"""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from gobgp_trio.fib.kernel_view import KernelView
from gobgp_trio.rtnl.address import Address
from gobgp_trio.rtnl.link import Link
from gobgp_trio.types.family import Family
from gobgp_trio.types.prefix import is_link_local, nlri_of_address

GLOB_CHARACTERS = frozenset("*?[")

# (family, NLRI) -> name of the interface the network is imported from.
Networks = dict[tuple[Family, bytes], str]


def is_glob(entry: str) -> bool:
    """Whether an interface-list entry is a pattern rather than a name."""
    return not GLOB_CHARACTERS.isdisjoint(entry)


def match_interfaces(entries: Sequence[str], links: Iterable[Link]) -> list[Link]:
    """The links an interface list names, in configured order, each once."""
    by_name = {link.name: link for link in links}
    chosen: dict[str, Link] = {}
    for entry in entries:
        if is_glob(entry):
            names = sorted(name for name in by_name if fnmatchcase(name, entry))
        else:
            names = [entry] if entry in by_name else []
        for name in names:
            chosen.setdefault(name, by_name[name])
    return list(chosen.values())


def connected_networks(view: KernelView, entries: Sequence[str]) -> Networks:
    """The networks to import; one on two interfaces belongs to the first in configured order."""
    by_link: dict[int, list[Address]] = {}
    for address in view.addresses.values():
        by_link.setdefault(address.interface_index, []).append(address)
    networks: Networks = {}
    for link in match_interfaces(entries, view.links.values()):
        if not link.is_up or in_vrf(view, link):
            continue
        for address in by_link.get(link.index, ()):
            if is_importable(address):
                nlri = nlri_of_address(address.network_address, address.prefix_bits)
                networks.setdefault((address.family, nlri), link.name)
    return networks


def in_vrf(view: KernelView, link: Link) -> bool:
    """Whether the link is enslaved to a VRF device, or is one."""
    master = view.links.get(link.master) if link.master is not None else None
    return link.kind == "vrf" or (master is not None and master.kind == "vrf")


def is_importable(address: Address) -> bool:
    """Whether the address stands for a network others may be told about."""
    octets = address.address
    if not address.is_usable or is_link_local(octets) or not any(octets):
        return False
    if len(octets) == 4:
        return octets[0] != 127 and octets[0] < 224
    return octets != bytes(15) + b"\x01" and octets[0] != 0xFF


def difference(old: Networks, new: Networks) -> tuple[Networks, Networks]:
    """What to add (also where the interface changed) and what to withdraw, from old to new."""
    added = {key: name for key, name in new.items() if old.get(key) != name}
    gone = {key: name for key, name in old.items() if new.get(key) != name}
    return added, gone
