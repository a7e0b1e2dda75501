"""The soak: much coming and going, and then a look at what stayed behind."""
