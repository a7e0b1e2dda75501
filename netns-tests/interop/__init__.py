"""Our daemon among five other implementations, and the table of what was seen to work."""
