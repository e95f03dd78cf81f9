"""A plan in TensorRT or TensorRT-RTX, on a GPU."""

from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import finalize

import numpy as np
import numpy.typing as npt

from dynanoise_export.errors import UserError
from dynanoise_export.files import sha256
from dynanoise_export.runtimes.predictor import Arrays
from dynanoise_export.runtimes.tensorrt.backend import Backend, require_backend
from dynanoise_export.runtimes.tensorrt.build import Build
from dynanoise_export.runtimes.tensorrt.gpu import compute_capability
from dynanoise_export.runtimes.tensorrt.messages import errors_told, reason


class PlanPredictor:
    """A plan on the GPU; one query at a time, whatever the number of threads that ask.

    Args:
        path: of the plan.
        build: how it was built.

    Raises:
        UserError: it is another plan than that, or the backend or the GPU to run it is missing or another one.
    """

    def __init__(self, path: Path, build: Build) -> None:
        trt = _require_place(path, build)
        from polygraphy.backend.trt import TrtRunner, engine_from_bytes
        from polygraphy.exception import PolygraphyException

        self.path, self._lock, self._failure = path, Lock(), PolygraphyException
        with errors_told() as errors:
            try:
                engine = engine_from_bytes(path.read_bytes())
                self._runner = TrtRunner(engine)  # which keeps the buffers on the GPU from one query to the next
                self._runner.activate()
                finalize(self, self._runner.deactivate)  # or it complains on standard output
            except Exception as error:  # where CUDA or the engine fails, it raises whatever a missing part makes it
                why = reason(errors or [str(error)])
                raise UserError(f"{build.backend.product} can't open {path}: {why}") from error
        names = [engine.get_tensor_name(place) for place in range(engine.num_io_tensors)]
        self.inputs = [name for name in names if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT]
        self.outputs = [name for name in names if name not in self.inputs]

    def run(self, inputs: Arrays) -> dict[str, npt.NDArray[np.generic]]:
        """Answer one batch.

        Raises:
            UserError: the plan does not take these inputs.
        """
        with self._lock, errors_told() as errors:
            try:
                answers = self._runner.infer(dict(inputs))
            except self._failure as error:
                shapes = ", ".join(f"{name} {list(array.shape)} {array.dtype}" for name, array in inputs.items())
                raise UserError(f"{self.path} does not take {shapes}: {reason(errors)}") from error
            return {name: np.array(answers[name]) for name in self.outputs}  # the runner writes over its own


@dataclass(frozen=True)
class PlanEndpoint:
    """A plan, as a place where a deployed model runs.

    Attributes:
        path: of the plan.
        build: how it was built.
    """

    path: Path
    build: Build

    @property
    def generator(self) -> str:
        """What is weak about the random numbers that are drawn there."""
        return "TensorRT-RTX starts its generator from the same seed at every run" if self.sessions_repeat else ""

    @property
    def sessions_repeat(self) -> bool:
        """Whether two sessions that one process opens are known to draw the same numbers there."""
        return self.build.backend is Backend.RTX

    def open(self) -> PlanPredictor:
        """Open the plan in a session of its own.

        Raises:
            UserError: it can't be opened on this machine.
        """
        return PlanPredictor(self.path, self.build)


def _require_place(path: Path, build: Build) -> Any:
    """Check all that can be checked before the plan is read by the backend, whose errors say less.

    Raises:
        UserError: the plan is another one, or this machine can't run it.
    """
    if not path.is_file():
        raise UserError(f"{path} is missing: compile it again.")
    if sha256(path) != build.plan_sha256:
        raise UserError(f"{path} is another plan than its manifest tells of, or is damaged: compile it again.")
    title, trt = build.backend.product, require_backend(build.backend)
    if not build.runs_in(trt.__version__):
        raise UserError(
            f"{path} was built by {title} {build.version}, and {trt.__version__} is installed: "
            f"compile it again, or install {build.version}."
        )
    found = compute_capability()
    if found is None:
        raise UserError(f"{path} needs a GPU, and none with a driver is found here.")
    if not build.runs_on(found):
        raise UserError(
            f"{path} was built for GPUs of {build.gpus()}, and that of this machine has {found}: "
            "compile it again for this one."
        )
    return trt
