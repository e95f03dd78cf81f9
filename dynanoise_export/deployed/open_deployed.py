"""Open what is deployed, by the form of what the user names."""

from pathlib import Path

from dynanoise_export.deployed.deployed_model import DeployedModel
from dynanoise_export.deployed.from_file import open_file
from dynanoise_export.deployed.from_plan import is_plan, open_plan
from dynanoise_export.deployed.from_server import open_server
from dynanoise_export.errors import UserError
from dynanoise_export.parameters import Provider
from dynanoise_export.runtimes.addresses import is_url


def open_deployed(where: str | Path, provider: Provider | None = None) -> DeployedModel:
    """Open a deployed model: an ONNX file, a TensorRT plan, or a model on a server.

    Args:
        where: a path, or a URL as http://HOST:PORT/MODEL or grpc://HOST:PORT/MODEL.
        provider: what ONNX Runtime is to run an ONNX file on; None for the CPU.

    Raises:
        UserError: nothing is there, or it can't be opened.
    """
    on_server = is_url(str(where))
    if not on_server and not is_plan(Path(where)):
        return open_file(Path(where), provider or Provider.CPU)
    if provider is not None:
        raise UserError(f"--provider is for ONNX files, and {where} is {'on a server' if on_server else 'a plan'}.")
    return open_server(str(where)) if on_server else open_plan(Path(where))
