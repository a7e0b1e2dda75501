"""What the tests on the real kernel share: namespaces, peers, our daemon, waiting for things."""
