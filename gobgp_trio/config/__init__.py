"""The configuration: what the TOML file means, checked and in our own units."""
