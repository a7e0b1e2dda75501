"""Links as octets: ``struct ifinfomsg`` and its ``IFLA_*`` attributes (``linux/if_link.h``).

Why it exists: import and next-hop resolution need to know which interfaces exist, run, and belong
to which VRF.  Only what those questions need is read.
"""

import struct
from dataclasses import dataclass

from gobgp_trio.rtnl.nlmsg import (
    NLM_F_DUMP,
    NLM_F_REQUEST,
    MalformedNetlink,
    read_attributes,
    read_string,
    read_u32,
    write_message,
)

RTM_NEWLINK = 16
RTM_DELLINK = 17
RTM_GETLINK = 18
RTNLGRP_LINK = 1

IFF_UP = 0x1
IFF_LOOPBACK = 0x8
IFF_RUNNING = 0x40
IFF_LOWER_UP = 0x10000

IFLA_IFNAME = 3
IFLA_MASTER = 10
IFLA_OPERSTATE = 16
IFLA_LINKINFO = 18
IFLA_CARRIER = 33
IFLA_INFO_KIND = 1
IFLA_INFO_DATA = 2
IFLA_VRF_TABLE = 1

AF_UNSPEC = 0
AF_BRIDGE = 7

# ifi_family, padding, ifi_type, ifi_index, ifi_flags, ifi_change
IFINFOMSG = struct.Struct("=BxHiII")


@dataclass(frozen=True, slots=True)
class Link:
    """An interface.

    ``flags`` are ``IFF_*``; ``kind`` is "" for hardware and the loopback; ``vrf_table_id`` is set
    on a VRF device, ``master`` on an interface enslaved to one (or to a bridge).
    """

    index: int
    name: str
    flags: int
    kind: str = ""
    master: int | None = None
    vrf_table_id: int | None = None
    operstate: int | None = None
    carrier: bool | None = None

    @property
    def is_up(self) -> bool:
        """Whether the interface is switched on and has its carrier: IFF_UP and IFF_RUNNING."""
        return self.flags & (IFF_UP | IFF_RUNNING) == IFF_UP | IFF_RUNNING


def read_link(body: bytes) -> Link | None:
    """Read the body of RTM_NEWLINK or RTM_DELLINK; None for a bridge port's own message.

    Wire: ``struct ifinfomsg`` (16 octets: family, padding, type of 2, index of 4, flags of 4,
    change mask of 4), then attributes.

    Raises:
        MalformedNetlink: it is cut short, or an attribute has an impossible length.
    """
    if len(body) < IFINFOMSG.size:
        raise MalformedNetlink(f"wanted 16 octets of ifinfomsg, found {len(body)}")
    family, _, index, flags, _ = IFINFOMSG.unpack_from(body)
    if family == AF_BRIDGE:
        # Sent to the same group when a port joins or leaves a bridge; DELLINK then means
        # "left the bridge", not "gone".
        return None
    get = read_attributes(body, IFINFOMSG.size).get
    kind, vrf_table_id = _read_link_info(get(IFLA_LINKINFO, b""))
    master = get(IFLA_MASTER)
    operstate = get(IFLA_OPERSTATE)
    carrier = get(IFLA_CARRIER)
    return Link(
        index=index,
        name=read_string(get(IFLA_IFNAME, b"")),
        flags=flags,
        kind=kind,
        master=None if master is None else read_u32(master, "IFLA_MASTER"),
        vrf_table_id=vrf_table_id,
        operstate=operstate[0] if operstate else None,
        carrier=bool(carrier[0]) if carrier else None,
    )


def _read_link_info(payload: bytes) -> tuple[str, int | None]:
    """IFLA_LINKINFO: the kind, and the table when that is "vrf"."""
    get = read_attributes(payload).get
    kind = read_string(get(IFLA_INFO_KIND, b""))
    if kind != "vrf":
        return kind, None
    table = read_attributes(get(IFLA_INFO_DATA, b"")).get(IFLA_VRF_TABLE)
    return kind, None if table is None else read_u32(table, "IFLA_VRF_TABLE")


def write_link_dump(seq: int) -> bytes:
    """RTM_GETLINK that dumps all interfaces."""
    body = IFINFOMSG.pack(AF_UNSPEC, 0, 0, 0, 0)
    return write_message(RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, seq, body)
