"""Progress of a builder."""

from typing import Any

from dynanoise_export.types import Progress, Step


def make_monitor(trt: Any, progress: Progress) -> Any:
    """Make a progress monitor of a backend's module that reports its phases.

    Its attribute `interrupted` says whether the user stopped the build.
    """

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]  # from a module that may not be installed
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self.interrupted = False
            self.totals: dict[str, int] = {}

        def phase_start(self, phase: str, parent: str | None, steps: int) -> None:
            self.totals[phase] = steps

        def step_complete(self, phase: str, step: int) -> bool:
            try:
                progress(Step(phase, step + 1, self.totals[phase], "steps"))
            except KeyboardInterrupt:  # it can't pass through the builder; returning False ends the build
                self.interrupted = True
            return not self.interrupted

        def phase_finish(self, phase: str) -> None:
            del self.totals[phase]

    return Monitor()
