"""Answers of the API as the JSON that ``gobgp -j`` prints.

Scripts written for GoBGP read what Go's encoding/json makes of its generated types, which is not
protobuf's own JSON mapping: keys are the proto's field names in declaration order, fields with
their zero value are left out, enums and 64-bit integers are numbers, bytes are base64, a timestamp
is an object, and a member of a oneof is wrapped twice (``{"Cap": {"RouteRefresh": {}}}``).
"""

import dataclasses
import json
from base64 import b64encode
from datetime import datetime
from typing import Any, cast

import betterproto

# What betterproto returns for a timestamp that is not there.
NO_TIME = betterproto.DATETIME_ZERO


def dump(value: object) -> str:
    """One line of JSON without spaces; ``<``, ``>`` and ``&`` escaped, as Go does."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def message_fields(message: betterproto.Message) -> dict[str, Any]:
    """The fields of a message that have a value, converted all the way down."""
    fields: dict[str, Any] = {}
    for field in dataclasses.fields(cast(Any, message)):
        meta = betterproto.FieldMetadata.get(field)
        if meta.group is not None:
            _add_oneof(fields, message, meta.group, field.name)
            continue
        value = getattr(message, field.name)
        # A field with presence is None when it is not there, and shown even when it is zero.
        if not meta.optional:
            value = _plain(value)
        if value is not None:
            fields[field.name] = value
    return fields


def _add_oneof(fields: dict[str, Any], message: betterproto.Message, group: str, name: str) -> None:
    chosen, value = betterproto.which_one_of(message, group)
    if chosen != name:
        return
    if isinstance(value, betterproto.Message):
        value = message_fields(value)
    fields[_go_name(group)] = {_go_name(name): value}


def _plain(value: Any) -> Any:
    """JSON's form of a field's value, or None where Go leaves the field out."""
    if isinstance(value, betterproto.Message):
        return message_fields(value) if betterproto.serialized_on_wire(value) else None
    if isinstance(value, datetime):
        return _timestamp(value)
    if isinstance(value, list):
        return [_element(item) for item in value] or None
    if isinstance(value, dict):
        return {str(key): _element(item) for key, item in sorted(value.items())} or None
    if isinstance(value, bytes):
        return b64encode(value).decode() or None
    if isinstance(value, bool):
        return value or None
    if isinstance(value, int):
        return int(value) or None
    return value or None


def _element(value: Any) -> Any:
    if isinstance(value, betterproto.Message):
        return message_fields(value)
    if isinstance(value, bytes):
        return b64encode(value).decode()
    return int(value) if isinstance(value, betterproto.Enum) else value


def _timestamp(value: datetime) -> dict[str, int] | None:
    if value == NO_TIME:
        return None
    # Through the difference, not timestamp(): a float does not hold microseconds exactly.
    passed = value - NO_TIME
    parts = {"seconds": passed.days * 86400 + passed.seconds, "nanos": passed.microseconds * 1000}
    return {name: number for name, number in parts.items() if number}


def _go_name(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))
