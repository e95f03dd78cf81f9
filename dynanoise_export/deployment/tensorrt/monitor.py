"""How far a builder has come."""

from collections.abc import Callable
from typing import Any


def make_monitor(trt: Any, progress: Callable[[float, int, str], None]) -> Any:
    """Make a progress monitor of a backend's module that tells of its phases.

    It has the attribute `interrupted`, which says that the user broke the build off.
    """

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]  # of a module that may be missing
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self.interrupted = False
            self.steps: dict[str, int] = {}

        def phase_start(self, phase: str, parent: str | None, steps: int) -> None:
            self.steps[phase] = steps

        def step_complete(self, phase: str, step: int) -> bool:
            try:
                progress(step + 1, self.steps[phase], phase)
            except KeyboardInterrupt:  # which can't pass through the builder; False ends it
                self.interrupted = True
            return not self.interrupted

        def phase_finish(self, phase: str) -> None:
            del self.steps[phase]

    return Monitor()
