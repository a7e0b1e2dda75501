"""The one place where asyncio is: grpclib's server under Trio, and its client for ``gobgp``."""
