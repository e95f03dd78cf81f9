"""TensorRT plans of defended files."""
