"""Run models: in ONNX Runtime, PyTorch, TensorRT or on a server, all through the same interface."""
