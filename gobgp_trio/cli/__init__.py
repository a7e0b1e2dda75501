"""The gobgp command line."""
