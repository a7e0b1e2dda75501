"""Routing rules as octets: ``struct fib_rule_hdr`` and ``FRA_*`` (``linux/fib_rules.h``).

Why it exists: the place for what the daemon will ask about rules (which table a VRF or a source
looks up).  So far: what an event says, no more.
"""

import struct
from dataclasses import dataclass

from gobgp_trio.rtnl.nlmsg import MalformedNetlink, read_attributes, read_u32

RTM_NEWRULE = 32
RTM_DELRULE = 33
RTM_GETRULE = 34
RTNLGRP_IPV4_RULE = 8
RTNLGRP_IPV6_RULE = 19

FRA_PRIORITY = 6
FRA_TABLE = 15
FRA_L3MDEV = 19

FR_ACT_TO_TBL = 1

# family, dst_len, src_len, tos, table, two reserved, action, flags
FIB_RULE_HDR = struct.Struct("=BBBBBxxBI")


@dataclass(frozen=True, slots=True)
class Rule:
    """A routing rule; ``af`` is AF_INET or AF_INET6, ``l3mdev`` looks up the VRF's table."""

    af: int
    priority: int
    action: int
    table_id: int
    l3mdev: bool = False


def read_rule(body: bytes) -> Rule:
    """Read the body of RTM_NEWRULE or RTM_DELRULE.

    Wire: ``struct fib_rule_hdr`` (12 octets: family, destination bits, source bits, TOS, table,
    two reserved, action, flags of 4), then attributes.  No FRA_PRIORITY is priority 0.

    Raises:
        MalformedNetlink: it is cut short, or an attribute has an impossible length.
    """
    if len(body) < FIB_RULE_HDR.size:
        raise MalformedNetlink(f"wanted 12 octets of fib_rule_hdr, found {len(body)}")
    af, _, _, _, table_id, action, _ = FIB_RULE_HDR.unpack_from(body)
    get = read_attributes(body, FIB_RULE_HDR.size).get
    priority, table, l3mdev = get(FRA_PRIORITY), get(FRA_TABLE), get(FRA_L3MDEV)
    return Rule(
        af=af,
        priority=0 if priority is None else read_u32(priority, "FRA_PRIORITY"),
        action=action,
        table_id=table_id if table is None else read_u32(table, "FRA_TABLE"),
        l3mdev=bool(l3mdev and l3mdev[0]),
    )
