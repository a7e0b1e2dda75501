"""rtnetlink as octets; no sockets."""
