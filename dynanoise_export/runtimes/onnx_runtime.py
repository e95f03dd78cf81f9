"""Models in ONNX Runtime."""

import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from dynanoise_export.errors import UserError
from dynanoise_export.parameters import Provider

DISTRIBUTIONS = ("onnxruntime", "onnxruntime-gpu")

# How far the runtime rewrites a graph when it opens it, by its own names.
LEVELS = {
    "no optimisation": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "all": "ORT_ENABLE_ALL",
}


# What is weak about the numbers that it draws on the CPU.
CPU_GENERATOR = (
    "ONNX Runtime draws on the CPU from 31 bits of state, started from the clock: "
    "a few exact noise values betray the rest"
)


# By the runtime's own names.
OFFICIAL = {
    Provider.CPU: "CPUExecutionProvider",
    Provider.CUDA: "CUDAExecutionProvider",
    Provider.TENSORRT: "TensorrtExecutionProvider",
}


def require_onnxruntime() -> ModuleType:
    """Import ONNX Runtime.

    Raises:
        UserError: none is installed, or both of the two that overwrite each other.
    """
    installed = [name for name in DISTRIBUTIONS if _is_installed(name)]
    if len(installed) == 2:
        raise UserError(
            "onnxruntime and onnxruntime-gpu are both installed and overwrite each other's files: "
            "uninstall both, then install the one you want."
        )
    try:
        import onnxruntime
    except ImportError as error:
        raise UserError(
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


class OnnxRuntimePredictor:
    """A model in an ONNX Runtime session.

    Args:
        path: of the file.
        provider: what it runs on; CUDA takes over what TensorRT can't run, and the CPU what CUDA can't.
        threads: how many a CPU may use for one operator; None leaves it to the runtime.
        level: of the graph's optimisation, a key of `LEVELS`.
        light: no graph optimisation and no copies of the weights, for a model that is opened once to be tried.
        save_optimised: where to save the graph as the runtime rewrote it.

    Raises:
        UserError: the runtime can't open the model, or not on that provider.
    """

    def __init__(
        self,
        path: Path,
        *,
        provider: Provider = Provider.CPU,
        threads: int | None = None,
        level: str = "all",
        light: bool = False,
        save_optimised: Path | None = None,
    ) -> None:
        runtime = require_onnxruntime()
        _require_provider(runtime, provider)
        if provider is not Provider.CPU:
            runtime.set_default_logger_severity(4)  # what it writes of a missing library is said below, in a sentence
        options = runtime.SessionOptions()
        options.log_severity_level = 3
        options.graph_optimization_level = getattr(
            runtime.GraphOptimizationLevel, LEVELS["no optimisation" if light else level]
        )
        if threads is not None:
            options.intra_op_num_threads = options.inter_op_num_threads = threads
        if save_optimised is not None:
            options.optimized_model_filepath = str(save_optimised)
        if light:
            options.add_session_config_entry("session.disable_prepacking", "1")
        try:
            # Without the fallback it tells what is missing, in place of printing it and taking another provider.
            self.session = runtime.InferenceSession(
                str(path), options, providers=_with_fallbacks(provider), enable_fallback=0
            )
        except Exception as error:  # the runtime has a class of its own for each kind of failure
            raise UserError(f"ONNX Runtime can't open the model: {_last_line(error)}") from error
        # Where a library of CUDA's is missing, it takes the CPU all the same.
        if self.session.get_providers()[0] != OFFICIAL[provider]:
            raise UserError(
                f"ONNX Runtime opened {path} with {self.session.get_providers()[0]} in place of {OFFICIAL[provider]}: "
                "see that a GPU is there, and CUDA, cuDNN and (for tensorrt) TensorRT in the versions that it asks for."
            )
        self.provider = provider

    @property
    def inputs(self) -> list[str]:
        """The names of the inputs."""
        return [value.name for value in self.session.get_inputs()]

    @property
    def outputs(self) -> list[str]:
        """The names of the outputs."""
        return [value.name for value in self.session.get_outputs()]

    def run(self, inputs: Mapping[str, npt.NDArray[np.generic]]) -> dict[str, npt.NDArray[np.generic]]:
        """Run the model once and give its outputs by name.

        Raises:
            UserError: the runtime can't run the model on these inputs.
        """
        try:
            return dict(zip(self.outputs, self.session.run(None, dict(inputs)), strict=True))
        except Exception as error:  # as above
            shapes = ", ".join(f"{name} {list(array.shape)} {array.dtype}" for name, array in inputs.items())
            raise UserError(f"ONNX Runtime can't run the model on {shapes}: {_last_line(error)}") from error


@dataclass(frozen=True)
class OnnxRuntimeEndpoint:
    """An ONNX file in ONNX Runtime, as a place where a deployed model runs."""

    path: Path
    provider: Provider = Provider.CPU

    @property
    def generator(self) -> str:
        """What is weak about the random numbers that are drawn there."""
        return CPU_GENERATOR if self.provider is Provider.CPU else ""

    @property
    def sessions_repeat(self) -> bool:
        """Whether two sessions that one process opens are known to draw the same numbers there."""
        return self.provider is Provider.CPU

    def open(self) -> OnnxRuntimePredictor:
        """Open the file in a session of its own.

        Raises:
            UserError: the runtime can't open it.
        """
        return OnnxRuntimePredictor(self.path, provider=self.provider)


def _require_provider(runtime: Any, provider: Provider) -> None:
    if OFFICIAL[provider] not in runtime.get_available_providers():
        raise UserError(
            f"This ONNX Runtime has no {OFFICIAL[provider]}: uninstall onnxruntime and "
            "pip install 'dynanoise-export[gpu]'."
        )


def _with_fallbacks(provider: Provider) -> list[str]:
    """List the provider, and those that take over the operators that it can't run."""
    ordered = list(Provider)
    return [OFFICIAL[other] for other in reversed(ordered[: ordered.index(provider) + 1])]


def _last_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[-1]
