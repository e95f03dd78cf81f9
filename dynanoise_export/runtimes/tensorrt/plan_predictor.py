"""A plan in TensorRT or TensorRT-RTX, on a GPU."""

from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import finalize

import numpy as np

from dynanoise_export.errors import EndpointError
from dynanoise_export.files import sha256
from dynanoise_export.noise.strength import Where
from dynanoise_export.runtimes.predictor import Closing
from dynanoise_export.runtimes.tensorrt.backend import require_backend
from dynanoise_export.runtimes.tensorrt.build import Build
from dynanoise_export.runtimes.tensorrt.gpu import compute_capability
from dynanoise_export.runtimes.tensorrt.messages import collected_errors, reason
from dynanoise_export.types import Array, Arrays


class PlanPredictor(Closing):
    """A plan on the GPU; several threads may use it, and it runs one batch at a time.

    Args:
        path: of the plan.
        build: how it was built.

    Raises:
        MissingPackageError: the backend is not installed.
        EndpointError: the plan is missing or another one, or this machine can't run it.
    """

    def __init__(self, path: Path, build: Build) -> None:
        trt = _require_runnable(path, build)
        from polygraphy.backend.trt import TrtRunner, engine_from_bytes
        from polygraphy.exception import PolygraphyException

        self.path, self._lock, self._failure = path, Lock(), PolygraphyException
        with collected_errors() as errors:
            try:
                engine = engine_from_bytes(path.read_bytes())
                self._runner = TrtRunner(engine)  # it keeps the buffers on the GPU between queries
                self._runner.activate()
                # A runner that nobody deactivates writes a warning to standard output.
                self._deactivate = finalize(self, self._runner.deactivate)
            except Exception as error:  # without CUDA or an engine, whatever the next call raises
                why = reason(errors or [str(error)])
                raise EndpointError(f"{build.backend.product} can't open {path}: {why}") from error
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        self.inputs = [name for name in names if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT]
        self.outputs = [name for name in names if name not in self.inputs]

    def close(self) -> None:
        """Free the buffers on the GPU."""
        self._deactivate()

    def run(self, inputs: Arrays) -> dict[str, Array]:
        """Answer one batch.

        Raises:
            EndpointError: the plan does not take these inputs.
        """
        with self._lock, collected_errors() as errors:
            try:
                answers = self._runner.infer(dict(inputs))
            except self._failure as error:
                shapes = ", ".join(f"{name} {list(array.shape)} {array.dtype}" for name, array in inputs.items())
                raise EndpointError(f"{self.path} does not take {shapes}: {reason(errors)}") from error
            return {name: np.array(answers[name]) for name in self.outputs}  # the runner overwrites its own arrays


@dataclass(frozen=True)
class PlanEndpoint:
    """A plan on the GPU of this machine.

    Attributes:
        path: of the plan.
        build: how it was built.
    """

    path: Path
    build: Build

    @property
    def where(self) -> Where:
        """The backend that built the plan and runs it."""
        return self.build.backend.where

    def open(self) -> PlanPredictor:
        """Open the plan in a session of its own.

        Raises:
            UserError: it can't be opened on this machine.
        """
        return PlanPredictor(self.path, self.build)


def _require_runnable(path: Path, build: Build) -> Any:
    """Check what can be checked before the backend reads the plan, because its errors say less; give its module.

    Raises:
        MissingPackageError: the backend is not installed.
        EndpointError: the plan is missing or another one, or this machine can't run it.
    """
    if not path.is_file():
        raise EndpointError(f"{path} is missing: compile it again.")
    if sha256(path) != build.plan_sha256:
        raise EndpointError(f"{path} is damaged, or not the plan that its manifest describes: compile it again.")
    product, trt = build.backend.product, require_backend(build.backend)
    if not build.runs_in(trt.__version__):
        raise EndpointError(
            f"{path} was built by {product} {build.version}, and {trt.__version__} is installed: "
            f"compile it again, or install {build.version}."
        )
    found = compute_capability()
    if found is None:
        raise EndpointError(f"{path} needs a GPU, and no GPU with a driver is found here.")
    if not build.runs_on(found):
        raise EndpointError(
            f"{path} was built for GPUs of {build.gpus()}, and this machine's GPU has {found}: "
            "compile it again for this GPU."
        )
    return trt
