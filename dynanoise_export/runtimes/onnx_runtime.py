"""Models in ONNX Runtime."""

import importlib.metadata
import itertools
import re
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from dynanoise_export.errors import EndpointError, MissingPackageError, one_line, shortened
from dynanoise_export.noise.strength import Where
from dynanoise_export.runtimes.failed_run import failed_run
from dynanoise_export.runtimes.operator_library import operators_for
from dynanoise_export.runtimes.predictor import Closing
from dynanoise_export.runtimes.provider import ON_CPU, Execution, Provider
from dynanoise_export.runtimes.tf32_override import apply_to_tensorrt
from dynanoise_export.types import Array, Arrays

DISTRIBUTIONS = ("onnxruntime", "onnxruntime-gpu")

# The levels of graph optimisation, with the runtime's own names.
LEVELS = {
    "no optimisation": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "all": "ORT_ENABLE_ALL",
}

_WHERE = {
    Provider.CPU: Where.ONNXRUNTIME_CPU,
    Provider.CUDA: Where.ONNXRUNTIME_CUDA,
    Provider.TENSORRT: Where.ONNXRUNTIME_TENSORRT,
}

_WITH_OPERATORS = {
    Provider.CPU: Where.ONNXRUNTIME_CPU_OPERATORS,
    Provider.CUDA: Where.ONNXRUNTIME_CUDA_OPERATORS,
}

# The runtime's own names of the providers.
OFFICIAL = {
    Provider.CPU: "CPUExecutionProvider",
    Provider.CUDA: "CUDAExecutionProvider",
    Provider.TENSORRT: "TensorrtExecutionProvider",
}

_OPERATOR = re.compile(r"while running (\w+) node")
# What the runtime says beside the cause: its codes, a temporary path, places in its own code, and what to do.
_BESIDE = re.compile(
    r"^\[ONNXRuntimeError\] : \d+ : \w+ : (?:Load model from .*? failed: ?)?"
    r"|\S+\.(?:h|hpp|cc|cpp|cu|cuh):\d+ (?:.* was false\. )?"
    r"| Please fix either the inputs/outputs or the model\.?$"
)


def require_onnxruntime() -> ModuleType:
    """Import ONNX Runtime.

    Raises:
        MissingPackageError: it is not installed, or two distributions of it overwrite each other.
    """
    installed = [name for name in DISTRIBUTIONS if _is_installed(name)]
    if len(installed) == 2:
        raise MissingPackageError(
            "onnxruntime and onnxruntime-gpu are both installed and overwrite each other's files: "
            "uninstall both, then install the one you want."
        )
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingPackageError(
            "ONNX Runtime is not installed: pip install 'dynanoise-export[cpu]', or [gpu] for CUDA."
        ) from error
    module: ModuleType = onnxruntime
    return module


def _is_installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


class OnnxRuntimePredictor(Closing):
    """A model in an ONNX Runtime session.

    Args:
        path: of the file.
        execution: how it runs; CUDA runs the operators that TensorRT can't, and the CPU those that CUDA can't.
        threads: how many a CPU may use for one operator; None leaves it to the runtime.
        level: of graph optimisation, a key of `LEVELS`.
        light: no graph optimisation and no copies of the weights, for a model that runs only once.
        save_optimised: where to save the graph as the runtime optimised it.
        name: of the model, for messages; None for the path.

    Raises:
        EndpointError: the runtime can't open the model on that provider.
        MissingPackageError: the library of operators is not installed.
    """

    def __init__(
        self,
        path: Path,
        *,
        execution: Execution = ON_CPU,
        threads: int | None = None,
        level: str = "all",
        light: bool = False,
        save_optimised: Path | None = None,
        name: str | None = None,
    ) -> None:
        self.name = name or str(path)
        runtime = require_onnxruntime()
        _require_provider(runtime, execution.provider)
        if execution.provider is Provider.TENSORRT:
            apply_to_tensorrt(execution)
        runtime.set_default_logger_severity(4)  # what is missing becomes an error below, in one sentence
        options = runtime.SessionOptions()
        options.log_severity_level = 4  # a failure is raised, and need not be logged too
        options.graph_optimization_level = getattr(
            runtime.GraphOptimizationLevel, LEVELS["no optimisation" if light else level]
        )
        if threads is not None:
            options.intra_op_num_threads = options.inter_op_num_threads = threads
        if save_optimised is not None:
            options.optimized_model_filepath = str(save_optimised)
            # Or the saved graph would look beside itself for the weights that are stored beside the model.
            options.add_session_config_entry(
                "session.optimized_model_external_initializers_file_name", f"{save_optimised.name}.data"
            )
        if light:
            options.add_session_config_entry("session.disable_prepacking", "1")
        library = operators_for(execution.provider) if execution.operators else None
        try:
            if library is not None:
                options.register_custom_ops_library(str(library))
            # With the fallback it would print what is missing and use another provider, instead of raising.
            self.session: Any = runtime.InferenceSession(
                str(path), options, providers=_with_fallbacks(execution), enable_fallback=0
            )
        except Exception as error:  # the runtime has its own exception class for each kind of failure
            raise EndpointError(f"ONNX Runtime can't open {self.name}: {_reason(error)}.") from error
        # If a CUDA library is missing, it uses the CPU anyway.
        official = OFFICIAL[execution.provider]
        if self.session.get_providers()[0] != official:
            raise EndpointError(
                f"ONNX Runtime opened {self.name} with {self.session.get_providers()[0]} instead of "
                f"{official}: check the GPU, and the versions of CUDA, cuDNN and (for tensorrt) TensorRT "
                "that it needs."
            )
        self.execution = execution
        self.graph_numbers = itertools.count(1)  # of the CUDA graphs in this session
        self._replayed: dict[object, Any] = {}

    def close(self) -> None:
        """Release the session."""
        self.session = None
        self._replayed.clear()

    @property
    def inputs(self) -> list[str]:
        """The names of the inputs."""
        return [value.name for value in self.session.get_inputs()]

    @property
    def outputs(self) -> list[str]:
        """The names of the outputs."""
        return [value.name for value in self.session.get_outputs()]

    def run(self, inputs: Arrays) -> dict[str, Array]:
        """Run the model once and return its outputs by name.

        Raises:
            FailedRunError: the runtime can't run the model on these inputs.
        """
        try:
            if self.execution.cuda_graph:
                return self._replay(inputs)
            return dict(zip(self.outputs, self.session.run(None, dict(inputs)), strict=True))
        except Exception as error:  # as above
            raise failed_run(self.name, inputs, _reason(error)) from error

    def _replay(self, inputs: Arrays) -> dict[str, Array]:
        """Run in a CUDA graph, one for each set of shapes, which reads and writes the same memory each time."""
        from dynanoise_export.runtimes.binding import BoundRun  # it imports this module

        shapes = tuple((name, array.shape) for name, array in inputs.items())
        if shapes not in self._replayed:
            self._replayed[shapes] = BoundRun(self, {name: array.copy() for name, array in inputs.items()})
        run: BoundRun = self._replayed[shapes]
        run.feed(inputs)
        run()
        return run.answers()


@dataclass(frozen=True)
class OnnxRuntimeEndpoint:
    """An ONNX file in ONNX Runtime.

    Attributes:
        path: of the file.
        execution: how ONNX Runtime runs it.
        threads: how many a CPU may use for one operator; None leaves it to the runtime.
    """

    path: Path
    execution: Execution = ON_CPU
    threads: int | None = None

    @property
    def where(self) -> Where:
        """ONNX Runtime with the provider."""
        return where_of(self.execution)

    def open(self) -> OnnxRuntimePredictor:
        """Open the file in a session of its own.

        Raises:
            EndpointError: the runtime can't open it.
        """
        return OnnxRuntimePredictor(self.path, execution=self.execution, threads=self.threads)


def where_of(execution: Execution) -> Where:
    """Find the row of the table of noise strength for a way to run a model."""
    if execution.cuda_graph:
        return Where.ONNXRUNTIME_CUDA_GRAPH
    return _WITH_OPERATORS[execution.provider] if execution.operators else _WHERE[execution.provider]


def _require_provider(runtime: Any, provider: Provider) -> None:
    if OFFICIAL[provider] not in runtime.get_available_providers():
        raise EndpointError(
            f"This ONNX Runtime has no {OFFICIAL[provider]}: uninstall onnxruntime and "
            "pip install 'dynanoise-export[gpu]'."
        )


def _with_fallbacks(execution: Execution) -> list[tuple[str, dict[str, str]]]:
    """List the provider with its options, and the providers for the operators that it can't run."""
    ordered = list(Provider)
    chosen = reversed(ordered[: ordered.index(execution.provider) + 1])
    return [(OFFICIAL[other], execution.cuda_options if other is Provider.CUDA else {}) for other in chosen]


def _reason(error: Exception) -> str:
    """Give the cause that the runtime states, and the operator that failed, in a few words."""
    said = one_line(str(error)) or type(error).__name__
    operators = _OPERATOR.findall(said)
    cause = shortened(_BESIDE.sub("", said.rpartition("Status Message: ")[2]).replace(". ", "; ").rstrip("."))
    return f'{operators[-1]} fails with "{cause}"' if operators else cause
