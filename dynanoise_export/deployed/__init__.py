"""Open what is deployed, wherever it runs: an ONNX file, a TensorRT plan, a server; one module for each."""
