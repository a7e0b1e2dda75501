"""What a neighbor's sockets get, from checked values: ports, interfaces, password, TTLs.

Some settings of different neighbors meet on our listening sockets; ``check_listening`` holds them
together (see ``daemon.listening``).
"""

from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address

from gobgp_trio.config import keys
from gobgp_trio.config.checked import Section
from gobgp_trio.config.schema import Global, Neighbor, SocketOptions

_DEFAULT_MULTIHOP_TTL = 255
_DEFAULT_TTL_MIN = 255  # RFC 5082: only a neighbor on the same link can reach us with 255


def find_address(section: Section) -> str:
    """The neighbor's address, ``%eth0`` for whoever is at the other end of an interface."""
    address, interface = section.get(keys.NEIGHBOR_ADDRESS), section.get(keys.NEIGHBOR_INTERFACE)
    if interface is None and not section.is_wrong(keys.NEIGHBOR_INTERFACE):
        return section.require(keys.NEIGHBOR_ADDRESS) or ""
    if section.has(keys.NEIGHBOR_ADDRESS):
        section.refuse(
            keys.NEIGHBOR_INTERFACE,
            f"wanted this key or {keys.NEIGHBOR_ADDRESS.path}, found both",
        )
        return address or ""
    return f"%{interface}" if interface else ""


def build_sockets(section: Section, address: str) -> SocketOptions:
    """The socket options of one neighbor."""
    password = section.get(keys.PASSWORD)
    if password and address.startswith("%"):
        section.refuse(
            keys.PASSWORD,
            f"wanted with {keys.NEIGHBOR_ADDRESS.path} only: the kernel keeps passwords by address",
        )
    bind_interface = section.get(keys.BIND_INTERFACE)
    scope = address.partition("%")[2]
    if scope and bind_interface not in (None, scope):
        section.refuse(
            keys.BIND_INTERFACE, f"wanted the neighbor's own interface {scope}, or nothing"
        )
    return SocketOptions(
        password=password,
        mss_octets=section.get(keys.TCP_MSS),
        local_port=section.get(keys.LOCAL_PORT),
        bind_interface=bind_interface or "",
        tos=section.get(keys.IP_TOS),
        ttl_min=_build_ttl_min(section),
    )


def _build_ttl_min(section: Section) -> int | None:
    if not section.get(keys.TTL_SECURITY):
        if section.get(keys.TTL_MIN) and not section.is_wrong(keys.TTL_SECURITY):
            section.refuse(keys.TTL_MIN, f"has no effect unless {keys.TTL_SECURITY.path} is true")
        return None
    if section.get(keys.MULTIHOP):
        section.refuse(
            keys.TTL_SECURITY,
            f"wanted this key or {keys.MULTIHOP.path}, found both "
            f"({keys.TTL_MIN.path} says how far away the neighbor may be)",
        )
    return section.get(keys.TTL_MIN) or _DEFAULT_TTL_MIN


def build_multihop(section: Section, *, is_ebgp: bool) -> int | None:
    """The TTL of ``ebgp-multihop``, None when it is not enabled."""
    if not section.get(keys.MULTIHOP):
        if section.get(keys.MULTIHOP_TTL) and not section.is_wrong(keys.MULTIHOP):
            section.refuse(keys.MULTIHOP_TTL, f"has no effect unless {keys.MULTIHOP.path} is true")
        return None
    if not is_ebgp:
        section.refuse(
            keys.MULTIHOP, "wanted for an external neighbor only, found peer-as equal to local-as"
        )
    return section.get(keys.MULTIHOP_TTL) or _DEFAULT_MULTIHOP_TTL


def build_local_address(section: Section, neighbor_address: str) -> str:
    """The source address as text; "" for none and for the unspecified address."""
    text = section.get(keys.LOCAL_ADDRESS)
    if text is None or not neighbor_address:
        return ""
    is_unnumbered = neighbor_address.startswith("%")
    address = ip_address(text)
    version = 6 if is_unnumbered else ip_address(neighbor_address).version
    if address.version != version:
        section.refuse(
            keys.LOCAL_ADDRESS,
            f"wanted an IPv{version} address as that of the neighbor, found {text}",
        )
    elif address.is_multicast:
        section.refuse(keys.LOCAL_ADDRESS, f"wanted an address of this host, found {text}")
    elif isinstance(address, IPv6Address):
        _check_scope(section, address, neighbor_address)
    return "" if address.is_unspecified else text


def _check_scope(section: Section, address: IPv6Address, neighbor_address: str) -> None:
    """Link-local addresses talk to link-local addresses of the same interface only."""
    scope = neighbor_address.partition("%")[2]
    if address.scope_id and address.scope_id != scope:
        section.refuse(
            keys.LOCAL_ADDRESS, f"wanted an address of the neighbor's interface, found {address}"
        )
    elif address.is_link_local and not scope:
        section.refuse(
            keys.LOCAL_ADDRESS, f"wanted a global address as that of the neighbor, found {address}"
        )


def check_listening(sections: Iterable[tuple[Section, Neighbor]], global_: Global | None) -> None:
    """Refuse what cannot go together on our listening sockets."""
    passwords: dict[str, str] = {}
    for section, neighbor in sections:
        sockets = neighbor.sockets
        if global_ is not None and sockets.local_port == global_.port:
            section.refuse(
                keys.LOCAL_PORT,
                f"wanted another port than {global_.port}, on which we listen ({keys.PORT.path})",
            )
        bare = neighbor.address.partition("%")[0]
        if bare and passwords.setdefault(bare, sockets.password) != sockets.password:
            section.refuse(
                keys.PASSWORD,
                f"wanted the same password for {bare} on every interface: the kernel keeps one",
            )
