"""Guards: what happens to the inputs before the model."""
