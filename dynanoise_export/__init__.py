"""Ship a trained classifier to ONNX with its membership-inference defence inside the graph."""

__version__ = "0.1.0"
