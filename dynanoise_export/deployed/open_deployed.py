"""Open a deployed model: its path or URL decides which kind of endpoint it is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dynanoise_export.deployed.deployed_model import DeployedModel
from dynanoise_export.deployed.from_file import open_file
from dynanoise_export.deployed.from_ort import is_ort, open_ort
from dynanoise_export.deployed.from_plan import is_plan, open_plan
from dynanoise_export.deployed.from_server import open_server
from dynanoise_export.deployed.session import Session
from dynanoise_export.errors import DefenceError, NoiseError, UsageError
from dynanoise_export.noise.strength import Life, judgement
from dynanoise_export.registry import Registry
from dynanoise_export.runtimes.addresses import is_url
from dynanoise_export.runtimes.provider import ON_CPU, Execution, Provider, chosen_execution


@dataclass(frozen=True)
class EndpointKind:
    """A kind of endpoint, such as an ONNX file or a server.

    Attributes:
        recognises: whether a path or URL, as the user gave it, is of this kind.
        open: makes the deployed model, run as the user chose, or None; refuses a choice that does not apply.
    """

    recognises: Callable[[str], bool]
    open: Callable[[str, Execution | None], DeployedModel]


# The last kind that recognises the path or URL opens it, so that other distributions come before the built-in kinds.
ENDPOINTS: Registry[EndpointKind] = Registry(
    "endpoint",
    "dynanoise_export.endpoints",
    {
        "onnx": "dynanoise_export.deployed.open_deployed:ONNX_FILE",
        "ort": "dynanoise_export.deployed.open_deployed:ORT_FILE",
        "plan": "dynanoise_export.deployed.open_deployed:PLAN",
        "server": "dynanoise_export.deployed.open_deployed:SERVER",
    },
)


def open_deployed(model: str | Path, execution: Execution | None = None) -> DeployedModel:
    """Open a deployed model: an ONNX or .ort file, a TensorRT plan, or a model on a server.

    Args:
        model: a path, or a URL such as http://HOST:PORT/MODEL or grpc://HOST:PORT/MODEL.
        execution: how ONNX Runtime runs an ONNX file; None for the CPU.

    Raises:
        UserError: it does not exist, can't be opened, or its noise would be dead in a CUDA graph.
    """
    name = str(model)
    kinds = (ENDPOINTS.get(kind) for kind in reversed(ENDPOINTS.names()))
    kind = next(kind for kind in kinds if kind.recognises(name))
    deployed = kind.open(name, execution)
    if execution is not None and execution.cuda_graph:
        _require_alive_in_graphs(deployed)
    return deployed


def _require_alive_in_graphs(model: DeployedModel) -> None:
    judged = None if model.noise is None else judgement(model.noise, model.endpoint.where)
    if judged is not None and judged.life is Life.DEAD:
        raise NoiseError(
            f"The {judged.source} noise of {model.name} is dead in a CUDA graph, because {judged.why}: run it without "
            "CUDA graphs, or export it with --noise keyed."
        )


def load(
    model: str | Path,
    *,
    provider: Provider | str | None = None,
    tf32: bool = False,
    cuda_graph: bool = False,
    operators: bool = False,
) -> Session:
    """Open a session of a defended model, to query it with `predict`.

    Args:
        model: the path of an ONNX file or of a TensorRT plan, or the URL of a model on a server, such as
            http://HOST:PORT/MODEL or grpc://HOST:PORT/MODEL.
        provider: what ONNX Runtime runs an ONNX file on: cpu, cuda or tensorrt; None for the CPU.
        tf32: whether a GPU may compute float32 in TF32, faster and with ten bits of precision. Then a query's keyed
            noise can change with the batch.
        cuda_graph: whether the provider cuda captures each shape of the inputs in a CUDA graph, and replays it.
        operators: whether the defence runs as the kernels of the package dynanoise-export-operators.

    Returns:
        The session, a context manager.

    Raises:
        UserError: it can't be opened, has no defence, or its noise would be dead in a CUDA graph.
    """
    deployed = open_deployed(model, chosen_execution(provider, tf32=tf32, cuda_graph=cuda_graph, operators=operators))
    if deployed.defence is None:
        raise DefenceError(f"{deployed.name} does not state a defence: give a file that export made.")
    return Session(deployed)


def _file(model: str, execution: Execution | None) -> DeployedModel:
    return open_file(Path(model), execution or ON_CPU)


def _ort(model: str, execution: Execution | None) -> DeployedModel:
    return open_ort(Path(model), execution or ON_CPU)


def _plan(model: str, execution: Execution | None) -> DeployedModel:
    _require_no_choice(model, "a plan", execution)
    return open_plan(Path(model))


def _server(model: str, execution: Execution | None) -> DeployedModel:
    _require_no_choice(model, "on a server", execution)
    return open_server(model)


def _require_no_choice(model: str, kind: str, execution: Execution | None) -> None:
    if execution is not None:
        raise UsageError(f"A provider applies to ONNX files, and {model} is {kind}: leave --provider out.")


ONNX_FILE = EndpointKind(lambda model: True, _file)
ORT_FILE = EndpointKind(lambda model: is_ort(Path(model)), _ort)
PLAN = EndpointKind(lambda model: is_plan(Path(model)), _plan)
SERVER = EndpointKind(is_url, _server)
