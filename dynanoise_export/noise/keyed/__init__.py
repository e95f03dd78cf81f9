"""Keyed noise: standard normals that are a function of a secret key and the query, twice, in ONNX and in PyTorch."""
