"""Requests that several tests send."""

from typing import Any

from tests.api.conftest import Api

IPV4 = {"afi": 1, "safi": 1}
IPV6 = {"afi": 2, "safi": 1}
GLOBAL, LOCAL, ADJ_IN, ADJ_OUT, VRF = 1, 2, 3, 4, 5
EXACT, LONGER, SHORTER = 1, 2, 3


def path_request(prefix: str, **more: Any) -> dict[str, Any]:
    """An AddPath request for an IPv4 route via 192.0.2.9."""
    address, _, bits = prefix.partition("/")
    path = {
        "nlri": {"prefix": {"prefix": address, "prefix_len": int(bits)}},
        "family": IPV4,
        "pattrs": [{"origin": {"origin": 0}}, {"next_hop": {"next_hop": "192.0.2.9"}}],
    }
    return {"table_type": GLOBAL, "path": path | more}


async def list_prefixes(api: Api, *prefixes: tuple[str, int], **more: Any) -> list[str]:
    lookups = [{"prefix": prefix, "type": kind} for prefix, kind in prefixes]
    request = {"table_type": GLOBAL, "family": IPV4, "prefixes": lookups} | more
    answers = await api.call("ListPath", **request)
    return [answer.destination.prefix for answer in answers]
