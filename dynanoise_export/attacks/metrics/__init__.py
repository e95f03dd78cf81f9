"""What attacks' scores are worth, with 95% intervals."""
