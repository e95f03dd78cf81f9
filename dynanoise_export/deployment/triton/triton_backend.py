"""The backends of Triton that a repository may be made for."""

from enum import StrEnum


class Backend(StrEnum):
    """What runs the model within Triton, by Triton's own names."""

    ONNXRUNTIME = "onnxruntime"
    TENSORRT = "tensorrt"
    PYTHON = "python"
