"""Shadow models: trained as the target was, on random halves of the rows, so that an attack can learn from them."""
