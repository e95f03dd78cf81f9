"""Ship a trained classifier to ONNX with its membership-inference defence inside the graph."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dynanoise_export.deployed.session import LoadedModel

__version__ = "0.1.0"


def load(where: str | Path, provider: str | None = None) -> "LoadedModel":
    """Load a defended model, to ask it with `predict`: an ONNX file, a TensorRT plan, or a model on a server.

    Args:
        where: a path, or a URL as http://HOST:PORT/MODEL or grpc://HOST:PORT/MODEL.
        provider: what ONNX Runtime is to run an ONNX file on: cpu, cuda or tensorrt; None for the CPU.

    Raises:
        UserError: it can't be opened, or has no defence.
    """
    from dynanoise_export.deployed.session import load as open_model  # which takes a second that --help has not

    return open_model(where, provider)
