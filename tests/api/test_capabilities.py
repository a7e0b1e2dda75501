"""Capabilities in the API's form: each that has one, octets for the rest."""

import pytest

from gobgp_trio.api.pb import api as pb
from gobgp_trio.api.service.capabilities import capability_messages
from gobgp_trio.bgp.capability import read_capabilities


def show(octets: str) -> list[dict[str, object]]:
    """What a client reads, as protobuf's JSON mapping has it."""
    messages = capability_messages(read_capabilities(bytes.fromhex(octets)))
    return [pb.Capability().parse(bytes(message)).to_dict() for message in messages]


V4, V6 = {"afi": "AFI_IP", "safi": "SAFI_UNICAST"}, {"afi": "AFI_IP6", "safi": "SAFI_UNICAST"}


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        ("010400010001", [{"multiProtocol": {"family": V4}}]),
        ("0200", [{"routeRefresh": {}}]),
        (
            "0506000100010002",
            [{"extendedNexthop": {"tuples": [{"nlriFamily": V4, "nexthopFamily": V6}]}}],
        ),
        ("0600", [{"extendedMessage": {}}]),
        (
            "40064078 00010180",
            [
                {
                    "gracefulRestart": {
                        "flags": 4,
                        "time": 120,
                        "tuples": [{"family": V4, "flags": 128}],
                    }
                }
            ],
        ),
        ("410400030d40", [{"fourOctetAsn": {"asn": 200000}}]),
        (
            "4508 00010103 00020102",
            [
                {
                    "addPath": {
                        "tuples": [
                            {"family": V4, "mode": "MODE_BOTH"},
                            {"family": V6, "mode": "MODE_SEND"},
                        ]
                    }
                }
            ],
        ),
        ("4600", [{"enhancedRouteRefresh": {}}]),
        (
            "4707 00010180 000e10",
            [
                {
                    "longLivedGracefulRestart": {
                        "tuples": [{"family": V4, "flags": 128, "time": 3600}]
                    }
                }
            ],
        ),
        ("4905 03 727431 00", [{"fqdn": {"hostName": "rt1"}}]),
        ("4b04 03312e30", [{"softwareVersion": {"softwareVersion": "1.0"}}]),
        ("4500 4700", [{"addPath": {}}, {"longLivedGracefulRestart": {}}]),
        ("8000", [{"routeRefreshCisco": {}}]),
        ("0901 03", [{"unknown": {"code": 9, "value": "Aw=="}}]),
        # Not of the shape that their codes ask for.
        ("4503 000101", [{"unknown": {"code": 69, "value": "AAEB"}}]),
        ("4703 000101", [{"unknown": {"code": 71, "value": "AAEB"}}]),
        ("8001 00", [{"unknown": {"code": 128, "value": "AA=="}}]),
    ],
)
def test_each_capability(octets: str, expected: list[dict[str, object]]) -> None:
    assert show(octets) == expected


def test_a_family_without_a_name_keeps_its_numbers() -> None:
    (message,) = capability_messages(read_capabilities(bytes.fromhex("01044004 0047")))
    assert bytes(message) == bytes.fromhex("1208 0a06 08848001 1047")
