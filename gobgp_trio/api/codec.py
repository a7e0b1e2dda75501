"""Messages to octets and back for grpclib, with a way around message objects.

Where a method's message type is ``bytes`` the octets pass as they are; streams of whole tables are
written and read that way (``route_writer``, ``route_reader``).
"""

import struct
from typing import Any, TypeVar

import betterproto
from grpclib.encoding.base import CodecBase

from gobgp_trio.api.wire import MalformedMessage, walk_fields

_Message = TypeVar("_Message", bound=betterproto.Message)

# What betterproto lets out when it reads octets that are no message of the kind.
_PARSE_ERRORS = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    TypeError,
    ValueError,
    struct.error,
)


def parse_message(kind: type[_Message], octets: bytes) -> _Message:
    """A message object of octets from outside.

    Raises:
        MalformedMessage: the octets are no such message.
    """
    try:
        return kind().parse(octets)
    except _PARSE_ERRORS as error:
        what = f"{len(octets)} octets are no {kind.__name__}: {type(error).__name__} {error}"
        raise MalformedMessage(what) from None


class ApiCodec(CodecBase):
    """For both ends of the API."""

    __content_subtype__ = "proto"

    def encode(self, message: Any, message_type: Any) -> bytes:
        """Octets as they are, objects serialised."""
        assert isinstance(message, message_type), f"wanted {message_type}, found {message!r}"
        return bytes(message)

    def decode(self, data: bytes, message_type: Any) -> Any:
        """An object of ``message_type``, or the octets where that is ``bytes``.

        Raises:
            MalformedMessage: the octets are no such message.
        """
        if message_type is bytes:
            return data
        for _ in walk_fields(data):  # betterproto takes a field that is cut off for a short one
            pass
        return parse_message(message_type, data)
