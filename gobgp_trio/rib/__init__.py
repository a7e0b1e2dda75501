"""Routing tables and the decision process."""
