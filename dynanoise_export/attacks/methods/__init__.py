"""The attacks, one module each: what an attacker holds to a score for each query, larger for likely members."""
