"""The attacks, one module each: an attacker's evidence to a score for each row, larger for likely members."""
