"""Algorithm 1 of DynaNoise, twice: the PyTorch reference and the ONNX function; and the noise sources."""
