"""A GoBGP-compatible BGP daemon that moves routes between BGP and the Linux kernel."""
