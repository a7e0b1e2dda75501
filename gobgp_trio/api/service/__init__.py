"""What each RPC does: plain functions over a ``DaemonView``, without gRPC or asyncio."""
