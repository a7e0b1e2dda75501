"""Planning of kernel routes: what the kernel should have, from RIB, rules and kernel events."""
