"""Training: the settings as records, and the one loop that follows them."""
