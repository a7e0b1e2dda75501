"""Which paths a rule means, and what is done to them."""
