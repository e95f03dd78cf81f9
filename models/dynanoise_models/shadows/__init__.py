"""Shadow models: trained as the target was, on random halves of the rows."""
