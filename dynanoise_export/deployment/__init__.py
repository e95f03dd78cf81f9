"""Put a defended file where it is to serve: TensorRT plans, Triton repositories."""
