"""Routes to the kernel in bulk: the encoder every exported route passes.

Why it exists: the kernel takes a quarter of a million routes a second when messages are packed,
so the encoder must cost a small part of 4 µs.  All that routes of one rule and next hop share is
built once per prefix length (``RouteTemplate``); per route remain four concatenations.

Rules: creation is exclusive (``NLM_F_EXCL``) and replacing is a call of its own, because the
kernel's replace ignores the protocol and would take over a foreign route.  A delete names table,
metric and protocol, for IPv6 also exactly our legs, so that it can only hit what is ours.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from gobgp_trio.rtnl.nlmsg import (
    HEADER_OCTETS,
    NLM_F_ACK,
    NLM_F_CREATE,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    NLM_F_REQUEST,
    NLMSG_NOOP,
    write_attribute,
    write_message,
    write_u32_attribute,
)
from gobgp_trio.rtnl.route import (
    IP6_RT_PRIO_USER,
    RT_SCOPE_LINK,
    RT_SCOPE_NOWHERE,
    RT_SCOPE_UNIVERSE,
    RTA_DST,
    RTA_OIF,
    RTA_PRIORITY,
    RTA_TABLE,
    RTM_DELROUTE,
    RTM_NEWROUTE,
    RTMSG,
    RTN_UNICAST,
    RTN_UNSPEC,
    RTNH_F_ONLINK,
    Leg,
    kernel_family,
    write_leg_attributes,
    write_multipath,
)
from gobgp_trio.types.family import Family

_PREAMBLE = struct.Struct("=IHH")  # nlmsg_len, nlmsg_type, nlmsg_flags; the sequence number follows

# What stands before the sequence number, between it and the prefix, and behind the prefix.
Frame = tuple[bytes, bytes, bytes]


class RouteAction(Enum):
    """What a write asks of the kernel."""

    ADD = "add"
    REPLACE = "replace"
    DELETE = "delete"


_MESSAGE = {
    RouteAction.ADD: (RTM_NEWROUTE, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL),
    RouteAction.REPLACE: (RTM_NEWROUTE, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE),
    RouteAction.DELETE: (RTM_DELROUTE, NLM_F_REQUEST),
}


@dataclass(frozen=True, slots=True)
class RouteTemplate:
    """What many routes share: all but the prefix.  Equal templates compare and hash equal.

    ``metric`` 0 is a value; the kernel turns it into 1024 for IPv6, and for IPv4 a delete with it
    takes the lowest metric of our protocol there is.  ``legs`` are one or more.
    """

    family: Family
    table_id: int
    metric: int
    protocol: int
    legs: tuple[Leg, ...]
    _frames: dict[RouteAction, "_Frames"] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def message_octets_limit(self) -> int:
        """No message of this template is longer: header and attributes 96, a leg 32 at the most."""
        return 96 + 32 * len(self.legs)

    def add(self, nlris: Sequence[bytes], first_seq: int) -> bytes:
        """Messages that create these routes, and fail with EEXIST where the key is taken."""
        return self.encode(RouteAction.ADD, nlris, first_seq)

    def replace(self, nlris: Sequence[bytes], first_seq: int) -> bytes:
        """Messages that create or overwrite, whoever owns what is there."""
        return self.encode(RouteAction.REPLACE, nlris, first_seq)

    def delete(self, nlris: Sequence[bytes], first_seq: int) -> bytes:
        """Messages that remove what this template wrote, and fail with ESRCH where it is gone."""
        return self.encode(RouteAction.DELETE, nlris, first_seq)

    def encode(self, action: RouteAction, nlris: Sequence[bytes], first_seq: int) -> bytes:
        """One message per NLRI, numbered from ``first_seq`` (32 bits) on, ready to be joined.

        The NLRIs are keys of this family with their unused bits cleared; this is not checked.
        """
        frames = self._frames.get(action)
        if frames is None:
            frames = self._frames[action] = _Frames(self, action)
        count = len(nlris)
        seqs = struct.pack(f"={count}I", *range(first_seq, first_seq + count))
        pieces: list[bytes] = []
        append = pieces.append
        at = 0
        for nlri in nlris:
            before, middle, behind = frames[nlri[0]]
            append(before + seqs[at : at + 4] + middle + nlri[1:] + behind)
            at += 4
        return b"".join(pieces)

    def build_frame(self, action: RouteAction, bits: int) -> Frame:
        """All of a message but its sequence number and the octets of its NLRI."""
        kind, flags = _MESSAGE[action]
        scope, route_type = RT_SCOPE_UNIVERSE, RTN_UNICAST
        legs, metric = self._write_legs(), self.metric
        if action is RouteAction.DELETE:
            route_type = RTN_UNSPEC
            if self.family is Family.IPV4_UNICAST:
                # Table, metric and protocol say it all; NOWHERE matches every scope.
                scope, legs = RT_SCOPE_NOWHERE, b""
            else:
                # A delete takes metric 0 for "any", a create for 1024.
                metric = metric or IP6_RT_PRIO_USER
        elif self.family is Family.IPV4_UNICAST and not any(leg.gateway for leg in self.legs):
            scope = RT_SCOPE_LINK
        single_onlink = len(self.legs) == 1 and self.legs[0].onlink
        header = RTMSG.pack(
            kernel_family(self.family),
            bits,
            0,
            0,
            0,
            self.protocol,
            scope,
            route_type,
            RTNH_F_ONLINK if single_onlink and action is not RouteAction.DELETE else 0,
        )
        octets_count = self.family.address_octets
        destination = write_attribute(RTA_DST, bytes(octets_count))[:-octets_count]
        padding = bytes(octets_count - (bits + 7) // 8)
        behind = (
            padding
            + write_u32_attribute(RTA_TABLE, self.table_id)
            + write_u32_attribute(RTA_PRIORITY, metric)
            + legs
        )
        # The sequence number and the port id (0: the kernel fills it in) are 4 octets each.
        middle = bytes(4) + header + destination
        length = HEADER_OCTETS - 4 + len(middle) + (octets_count - len(padding)) + len(behind)
        return _PREAMBLE.pack(length, kind, flags), middle, behind

    def _write_legs(self) -> bytes:
        if len(self.legs) > 1:
            return write_multipath(self.family, self.legs)
        octets = b""
        for leg in self.legs:
            octets += write_leg_attributes(self.family, leg.gateway)
            if leg.interface_index:
                octets += write_u32_attribute(RTA_OIF, leg.interface_index)
        return octets


class _Frames(dict[int, Frame]):
    """The frames of one template and action by prefix length, each built when first wanted."""

    def __init__(self, template: RouteTemplate, action: RouteAction) -> None:
        super().__init__()
        self._template = template
        self._action = action

    def __missing__(self, bits: int) -> Frame:
        frame = self[bits] = self._template.build_frame(self._action, bits)
        return frame


@dataclass(frozen=True, slots=True)
class RouteWrite:
    """One thing to do to many routes: the unit a writer takes."""

    action: RouteAction
    template: RouteTemplate
    nlris: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class RouteFailure:
    """A route the kernel refused: which of the writes, which route of it, and why."""

    write_index: int
    nlri: bytes
    errno: int
    text: str


def write_end_marker(seq: int) -> bytes:
    """The message that ends a send: its acknowledgement says that all before it is done.

    A no-op with ``NLM_F_ACK`` is answered by the netlink layer itself, after the messages before
    it and with a sequence number of its own, so an error and the end cannot be confused.
    """
    return write_message(NLMSG_NOOP, NLM_F_REQUEST | NLM_F_ACK, seq, b"")
