"""Bring a defended file to where it serves: TensorRT plans and Triton repositories."""
