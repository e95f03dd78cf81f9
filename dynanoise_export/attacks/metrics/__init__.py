"""The metrics of an attack's scores, with 95% intervals."""
