"""Open deployed models: an ONNX file, a TensorRT plan, or a model on a server."""
