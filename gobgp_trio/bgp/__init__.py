"""The BGP protocol as octets and as a state machine; no sockets."""
