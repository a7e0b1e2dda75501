"""Nobody else may write kernel routes under our protocol number: we delete what carries it.

Two checks before the first write: an abstract unix socket named after the number is held for as
long as we run (abstract names belong to a network namespace, as routing tables do), and no FRR
daemon that uses the number may run in our namespace.
"""

import errno
import socket
from pathlib import Path

# Protocol numbers zebra installs routes with (linux/rtnetlink.h), and who may be the reason.
FRR_PROTOCOLS = frozenset({11, 186, 187, 188, 189, 190, 191, 192, 193, 194, 195, 196})
FRR_PROCESSES = frozenset({"zebra", "bgpd"})


class ProtocolInUse(Exception):
    """Exporting under this number would touch routes of others; the text says what to do."""


def hold_protocol(protocol: int) -> socket.socket:
    """Claim the number in this network namespace until the socket is closed.

    Raises:
        ProtocolInUse: another instance holds it.
    """
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    try:
        claim.bind(f"\0gobgp_trio/route-protocol/{protocol}")
    except OSError as refused:
        claim.close()
        if refused.errno != errno.EADDRINUSE:
            raise
        raise ProtocolInUse(
            f"netlink export: another gobgpd in this network namespace already exports with "
            f"route-protocol {protocol}; give this one another netlink.export.route-protocol"
        ) from None
    return claim


def check_other_daemons(protocol: int, proc: Path = Path("/proc")) -> None:
    """Refuse a number that a routing daemon running beside us writes routes with.

    Raises:
        ProtocolInUse: zebra or bgpd runs in this network namespace and uses the number.
    """
    if protocol not in FRR_PROTOCOLS:
        return
    found = sorted(FRR_PROCESSES & processes_in_namespace(proc))
    if found:
        raise ProtocolInUse(
            f"netlink export: {' and '.join(found)} runs in this network namespace and writes "
            f"routes with protocol {protocol}, which gobgpd would remove; set another "
            f"netlink.export.route-protocol, or allow-shared-protocol = true"
        )


def processes_in_namespace(proc: Path) -> set[str]:
    """Names of the processes in our network namespace, as far as we may see them."""
    ours = _namespace_of(proc / "self")
    names = set()
    for entry in proc.iterdir():
        if entry.name.isdigit() and _namespace_of(entry) == ours:
            try:
                names.add((entry / "comm").read_text().strip())
            except OSError:
                continue  # it ended meanwhile
    return names


def _namespace_of(process: Path) -> str:
    try:
        return str((process / "ns" / "net").readlink())
    except OSError:
        return ""  # ended, or not ours to see
