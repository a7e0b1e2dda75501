"""One neighbour's session as a pure state machine (RFC 4271 section 8): inputs in, outputs back."""
