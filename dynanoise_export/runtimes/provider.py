"""The providers of ONNX Runtime by name."""

from enum import StrEnum


class Provider(StrEnum):
    """What ONNX Runtime runs a model on."""

    CPU = "cpu"
    CUDA = "cuda"
    TENSORRT = "tensorrt"
