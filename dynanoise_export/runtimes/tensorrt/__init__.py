"""Models in TensorRT and TensorRT-RTX."""
