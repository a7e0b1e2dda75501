"""NOTIFICATION codes and subcodes with their names (IANA "BGP Error Codes and Subcodes")."""

MESSAGE_HEADER_ERROR = 1
OPEN_ERROR = 2
UPDATE_ERROR = 3
HOLD_TIMER_EXPIRED = 4
FSM_ERROR = 5
CEASE = 6
ROUTE_REFRESH_ERROR = 7
SEND_HOLD_TIMER_EXPIRED = 8  # RFC 9687

# Subcodes of MESSAGE_HEADER_ERROR (RFC 4271 section 6.1).
CONNECTION_NOT_SYNCHRONIZED = 1
BAD_MESSAGE_LENGTH = 2
BAD_MESSAGE_TYPE = 3

# Subcodes of OPEN_ERROR (RFC 4271 section 6.2, RFC 5492 section 5).
UNSPECIFIC = 0
UNSUPPORTED_VERSION = 1
BAD_PEER_AS = 2
BAD_BGP_IDENTIFIER = 3
UNSUPPORTED_OPTIONAL_PARAMETER = 4
UNACCEPTABLE_HOLD_TIME = 6
UNSUPPORTED_CAPABILITY = 7

# Subcodes of UPDATE_ERROR (RFC 4271 section 6.3).
MALFORMED_ATTRIBUTE_LIST = 1
UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE = 2
MISSING_WELL_KNOWN_ATTRIBUTE = 3
ATTRIBUTE_FLAGS_ERROR = 4
ATTRIBUTE_LENGTH_ERROR = 5
INVALID_ORIGIN = 6
INVALID_NEXT_HOP = 8
OPTIONAL_ATTRIBUTE_ERROR = 9
INVALID_NETWORK_FIELD = 10
MALFORMED_AS_PATH = 11

# Subcodes of FSM_ERROR (RFC 6608).
UNEXPECTED_IN_OPEN_SENT = 1
UNEXPECTED_IN_OPEN_CONFIRM = 2
UNEXPECTED_IN_ESTABLISHED = 3

# Subcodes of CEASE (RFC 4486, RFC 8538, RFC 9384).
MAX_PREFIXES_REACHED = 1
ADMINISTRATIVE_SHUTDOWN = 2
PEER_DECONFIGURED = 3
ADMINISTRATIVE_RESET = 4
CONNECTION_REJECTED = 5
OTHER_CONFIGURATION_CHANGE = 6
CONNECTION_COLLISION = 7
OUT_OF_RESOURCES = 8
HARD_RESET = 9
BFD_DOWN = 10

# Subcodes of ROUTE_REFRESH_ERROR (RFC 7313 section 5).
INVALID_REFRESH_LENGTH = 1

CODE_NAMES = {
    MESSAGE_HEADER_ERROR: "message header error",
    OPEN_ERROR: "open message error",
    UPDATE_ERROR: "update message error",
    HOLD_TIMER_EXPIRED: "hold timer expired",
    FSM_ERROR: "finite state machine error",
    CEASE: "cease",
    ROUTE_REFRESH_ERROR: "route refresh message error",
    SEND_HOLD_TIMER_EXPIRED: "send hold timer expired",
}

SUBCODE_NAMES = {
    (MESSAGE_HEADER_ERROR, CONNECTION_NOT_SYNCHRONIZED): "connection not synchronized",
    (MESSAGE_HEADER_ERROR, BAD_MESSAGE_LENGTH): "bad message length",
    (MESSAGE_HEADER_ERROR, BAD_MESSAGE_TYPE): "bad message type",
    (OPEN_ERROR, UNSUPPORTED_VERSION): "unsupported version number",
    (OPEN_ERROR, BAD_PEER_AS): "bad peer AS",
    (OPEN_ERROR, BAD_BGP_IDENTIFIER): "bad BGP identifier",
    (OPEN_ERROR, UNSUPPORTED_OPTIONAL_PARAMETER): "unsupported optional parameter",
    (OPEN_ERROR, UNACCEPTABLE_HOLD_TIME): "unacceptable hold time",
    (OPEN_ERROR, UNSUPPORTED_CAPABILITY): "unsupported capability",
    (UPDATE_ERROR, MALFORMED_ATTRIBUTE_LIST): "malformed attribute list",
    (UPDATE_ERROR, UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE): "unrecognized well-known attribute",
    (UPDATE_ERROR, MISSING_WELL_KNOWN_ATTRIBUTE): "missing well-known attribute",
    (UPDATE_ERROR, ATTRIBUTE_FLAGS_ERROR): "attribute flags error",
    (UPDATE_ERROR, ATTRIBUTE_LENGTH_ERROR): "attribute length error",
    (UPDATE_ERROR, INVALID_ORIGIN): "invalid origin attribute",
    (UPDATE_ERROR, INVALID_NEXT_HOP): "invalid next hop attribute",
    (UPDATE_ERROR, OPTIONAL_ATTRIBUTE_ERROR): "optional attribute error",
    (UPDATE_ERROR, INVALID_NETWORK_FIELD): "invalid network field",
    (UPDATE_ERROR, MALFORMED_AS_PATH): "malformed AS path",
    (FSM_ERROR, UNEXPECTED_IN_OPEN_SENT): "unexpected message in OpenSent",
    (FSM_ERROR, UNEXPECTED_IN_OPEN_CONFIRM): "unexpected message in OpenConfirm",
    (FSM_ERROR, UNEXPECTED_IN_ESTABLISHED): "unexpected message in Established",
    (CEASE, MAX_PREFIXES_REACHED): "maximum number of prefixes reached",
    (CEASE, ADMINISTRATIVE_SHUTDOWN): "administrative shutdown",
    (CEASE, PEER_DECONFIGURED): "peer de-configured",
    (CEASE, ADMINISTRATIVE_RESET): "administrative reset",
    (CEASE, CONNECTION_REJECTED): "connection rejected",
    (CEASE, OTHER_CONFIGURATION_CHANGE): "other configuration change",
    (CEASE, CONNECTION_COLLISION): "connection collision resolution",
    (CEASE, OUT_OF_RESOURCES): "out of resources",
    (CEASE, HARD_RESET): "hard reset",
    (CEASE, BFD_DOWN): "BFD down",
    (ROUTE_REFRESH_ERROR, INVALID_REFRESH_LENGTH): "invalid message length",
}


def format_error(code: int, subcode: int) -> str:
    """``"cease: administrative shutdown"``; numbers where there is no name."""
    name = CODE_NAMES.get(code, f"code {code}")
    if subcode == 0:
        return name
    return f"{name}: {SUBCODE_NAMES.get((code, subcode), f'subcode {subcode}')}"
