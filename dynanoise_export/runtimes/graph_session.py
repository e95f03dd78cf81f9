"""Run a graph that is not on disk."""

from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx_ir as ir

from dynanoise_export.graph.model_files import write_model
from dynanoise_export.noise.strength import Where
from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimePredictor, where_of
from dynanoise_export.runtimes.provider import ON_CPU, Execution


def open_graph(
    model: ir.Model, execution: Execution = ON_CPU, threads: int | None = None, *, light: bool = False
) -> OnnxRuntimePredictor:
    """Open a graph in ONNX Runtime, through a temporary file, because protobuf is limited to 2 GiB.

    Args:
        model: the graph.
        execution: how ONNX Runtime runs it.
        threads: how many a CPU may use for one operator; None leaves it to the runtime.
        light: no graph optimisation and no copies of the weights, for a model that runs only once.

    Raises:
        EndpointError: the runtime can't open it.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        write_model(model, path)
        return OnnxRuntimePredictor(path, execution=execution, threads=threads, light=light, name="the model")


@dataclass(frozen=True)
class GraphEndpoint:
    """A graph in ONNX Runtime whose file exists only while it is opened, because it is an undefended model.

    Attributes:
        model: the graph.
        execution: how ONNX Runtime runs it.
        threads: how many a CPU may use for one operator; None leaves it to the runtime.
    """

    model: ir.Model = field(repr=False)
    execution: Execution = ON_CPU
    threads: int | None = None

    @property
    def where(self) -> Where:
        """ONNX Runtime with the provider."""
        return where_of(self.execution)

    def open(self) -> OnnxRuntimePredictor:
        """Open the graph in a session of its own.

        Raises:
            UserError: the runtime can't open it.
        """
        return open_graph(self.model, self.execution, self.threads)
