"""Text of the capabilities in ``gobgp neighbor ADDRESS``: who announced what, with its values.

Capabilities are listed by their code.  Those in ``_DETAILS`` show what each side sent; a new
capability needs a line in ``CAPABILITY_NAMES`` and, when it carries values, a function there.  What
the API has no message for comes last, as octets.
"""

from collections.abc import Callable, Sequence
from typing import Any

from gobgp_trio.api.pb.api import Capability, Family
from gobgp_trio.cli.oneof import chosen_member
from gobgp_trio.types.family import find_family

# Name of the member in the API's Capability -> name shown, in the order of the capability codes.
CAPABILITY_NAMES = {
    "multi_protocol": "multiprotocol",
    "route_refresh": "route-refresh",
    "carrying_label_info": "carrying-label-info",
    "extended_nexthop": "extended-nexthop",
    "extended_message": "extended-message",
    "graceful_restart": "graceful-restart",
    "four_octet_asn": "4-octet-as",
    "add_path": "add-path",
    "enhanced_route_refresh": "enhanced-route-refresh",
    "long_lived_graceful_restart": "long-lived-graceful-restart",
    "fqdn": "fqdn",
    "software_version": "software-version",
    "route_refresh_cisco": "cisco-route-refresh",
}


def format_capabilities(local: Sequence[Capability], remote: Sequence[Capability]) -> list[str]:
    """The lines on what each side announced, in the order of ``CAPABILITY_NAMES``."""
    ours, theirs = _by_name(local), _by_name(remote)
    lines = []
    for member, name in CAPABILITY_NAMES.items():
        sent, received = ours.get(member, []), theirs.get(member, [])
        if not sent and not received:
            continue
        if member == "multi_protocol":
            lines.append(f"    {name}:")
            lines += _multiprotocol_lines(sent, received)
            continue
        lines.append(f"    {name}:\t{_exchange(bool(sent), bool(received))}")
        details = _DETAILS.get(member)
        if details is not None:
            lines += details(sent, received)
    return lines + _unknown_lines(local, remote)


def _by_name(capabilities: Sequence[Capability]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for capability in capabilities:
        name, value = chosen_member(capability, "cap")
        found.setdefault(name, []).append(value)
    return found


def _multiprotocol_lines(sent: list[Any], received: list[Any]) -> list[str]:
    ours = {(value.family.afi, value.family.safi) for value in sent}
    theirs = {(value.family.afi, value.family.safi) for value in received}
    return [
        f"        {_family_name(*pair)}:\t{_exchange(pair in ours, pair in theirs)}"
        for pair in sorted(ours | theirs)
    ]


def _exchange(is_sent: bool, is_received: bool) -> str:
    if is_sent and is_received:
        return "advertised and received"
    return "advertised" if is_sent else "received"


def _family_name(afi: int, safi: int) -> str:
    family = find_family(afi, safi)
    return family.config_name if family is not None else f"afi {int(afi)} safi {int(safi)}"


def _extended_nexthop_lines(sent: list[Any], received: list[Any]) -> list[str]:
    lines = []
    for side, values in (("Local", sent), ("Remote", received)):
        tuples = [one for value in values for one in value.tuples]
        if tuples:
            lines.append(f"        {side}:")
        lines += [
            f"            nlri: {format_family(one.nlri_family)}, "
            f"nexthop: {'ipv6' if one.nexthop_family.afi == 2 else 'ipv4'}"
            for one in tuples
        ]
    return lines


def format_family(family: Family) -> str:
    """A family's name in the configuration, or its numbers."""
    return _family_name(int(family.afi), int(family.safi))


def _fqdn_lines(sent: list[Any], received: list[Any]) -> list[str]:
    lines = []
    for side, values in (("Local", sent), ("Remote", received)):
        for value in values:
            lines.append(f"      {side}:")
            names = _plain(value.host_name), _plain(value.domain_name)
            lines.append("         name: {}, domain: {}".format(*names))
    return lines


def _software_version_lines(sent: list[Any], received: list[Any]) -> list[str]:
    lines = []
    for side, values in (("Local", sent), ("Remote", received)):
        for value in values:
            lines.append(f"      {side}:")
            lines.append(f"         {_plain(value.software_version)}")
    return lines


def _plain(text: str) -> str:
    """What a peer calls itself, without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _add_path_lines(sent: list[Any], received: list[Any]) -> list[str]:
    lines = []
    for side, values in (("Local", sent), ("Remote", received)):
        lines += [f"      {side}:"] if any(value.tuples for value in values) else []
        lines += [
            f"         {format_family(one.family)}:\t{_ADD_PATH_WORDS.get(one.mode, one.mode)}"
            for value in values
            for one in value.tuples
        ]
    return lines


_ADD_PATH_WORDS = {1: "receive", 2: "send", 3: "send/receive"}


def _unknown_lines(local: Sequence[Capability], remote: Sequence[Capability]) -> list[str]:
    """Capabilities that nobody here reads, with their octets."""
    ours = {value.code: value.value for value in _by_name(local).get("unknown", [])}
    theirs = {value.code: value.value for value in _by_name(remote).get("unknown", [])}
    lines = []
    for code in sorted(ours | theirs):
        name = _UNREAD_NAMES.get(code, f"unknown-{code}")
        lines.append(f"    {name}:\t{_exchange(code in ours, code in theirs)}")
        for side, values in (("Local", ours), ("Remote", theirs)):
            if values.get(code):
                lines += [f"      {side}:", f"         {values[code].hex(' ')}"]
    return lines


# IANA "Capability Codes" without a message of their own in the API.
_UNREAD_NAMES = {
    3: "outbound-route-filtering",
    7: "bgpsec",
    8: "multiple-labels",
    9: "bgp-role",
    67: "dynamic-capability",
    68: "multisession",
    72: "routing-policy-distribution",
    74: "bfd-strict",
    76: "paths-limit",
}


def _graceful_restart_lines(sent: list[Any], received: list[Any]) -> list[str]:
    lines = []
    for side, values in (("Local", sent), ("Remote", received)):
        for value in values:
            words = [f"restart time {value.time} sec"]
            words += [text for bit, text in _RESTART_FLAGS.items() if value.flags & bit]
            lines.append(f"        {side}: {', '.join(words)}")
            lines += [
                f"            {format_family(one.family)}"
                + (", forward flag set" if one.flags & _FORWARDING_KEPT else "")
                for one in value.tuples
            ]
    return lines


_RESTART_FLAGS = {8: "restart flag set", 4: "notification flag set"}
_FORWARDING_KEPT = 0x80


def _long_lived_lines(sent: list[Any], received: list[Any]) -> list[str]:
    lines = []
    for side, values in (("Local", sent), ("Remote", received)):
        lines += [f"        {side}:"] if any(value.tuples for value in values) else []
        lines += [
            f"            {format_family(one.family)}, restart time {one.time} sec"
            + (", forward flag set" if one.flags & _FORWARDING_KEPT else "")
            for value in values
            for one in value.tuples
        ]
    return lines


_DETAILS: dict[str, Callable[[list[Any], list[Any]], list[str]]] = {
    "add_path": _add_path_lines,
    "extended_nexthop": _extended_nexthop_lines,
    "fqdn": _fqdn_lines,
    "graceful_restart": _graceful_restart_lines,
    "long_lived_graceful_restart": _long_lived_lines,
    "software_version": _software_version_lines,
}
