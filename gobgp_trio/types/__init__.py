"""Values every layer shares: families, prefixes, path attributes, paths.  No I/O, no clock."""
