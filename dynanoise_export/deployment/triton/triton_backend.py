"""The backends of Triton that a repository can be made for."""

from enum import StrEnum

from dynanoise_export.noise.strength import Where


class TritonBackend(StrEnum):
    """What runs the model within Triton, by Triton's own names."""

    ONNXRUNTIME = "onnxruntime"
    TENSORRT = "tensorrt"
    PYTHON = "python"

    @property
    def where(self) -> Where:
        """The row of the table of noise strength that applies."""
        return _WHERE[self]


_WHERE = {
    TritonBackend.ONNXRUNTIME: Where.TRITON_ONNXRUNTIME,
    TritonBackend.TENSORRT: Where.TRITON_TENSORRT,
    TritonBackend.PYTHON: Where.TRITON_PYTHON,
}
