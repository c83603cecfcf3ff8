"""Networks whose limit is known because it was planted, and whether it is found."""
