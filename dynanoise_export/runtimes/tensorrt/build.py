"""How a plan was built, and so what can run it."""

from dataclasses import dataclass

from dynanoise_export.runtimes.tensorrt.backend import TensorRTBackend

# Which GPUs run a plan besides those that it was built for, by the names of TensorRT's HardwareCompatibilityLevel.
NO_OTHERS, AMPERE_AND_LATER = "NONE", "AMPERE_PLUS"
AMPERE = (8, 0)  # the lowest compute capability of Ampere
# TensorRT-RTX runs on these alone, and on all from Blackwell's GeForce on: on 9.0 and 10.0 it refuses any plan.
RTX_ADA_AND_EARLIER, RTX_BLACKWELL = ((8, 0), (8, 6), (8, 9)), (12, 0)


@dataclass(frozen=True)
class Build:
    """How a plan was built.

    Attributes:
        backend: what built it and runs it.
        version: of the backend.
        compute_capabilities: of the GPUs that it was built for, as in 8.9.
        version_compatible: whether later versions of the backend run it.
        hardware_compatibility: which other GPUs run it, by the backend's own name of the level.
        plan_sha256: of the plan.
    """

    backend: TensorRTBackend
    version: str
    compute_capabilities: tuple[str, ...]
    version_compatible: bool
    hardware_compatibility: str
    plan_sha256: str

    def runs_in(self, version: str) -> bool:
        """Whether a version of the backend runs the plan: its own, or a later one of the same major number.

        NVIDIA promises that a version-compatible plan runs across major numbers too; this check is stricter.
        """
        if not self.version_compatible:
            return version == self.version
        built, installed = _numbers(self.version), _numbers(version)
        return built[:1] == installed[:1] and built <= installed

    def runs_on(self, compute_capability: str) -> bool:
        """Whether a GPU of a compute capability runs the plan."""
        if self.hardware_compatibility != AMPERE_AND_LATER:
            return compute_capability in self.compute_capabilities
        capability = _numbers(compute_capability)
        if self.backend is TensorRTBackend.RTX:
            return capability in RTX_ADA_AND_EARLIER or capability >= RTX_BLACKWELL
        return capability >= AMPERE or compute_capability in self.compute_capabilities

    def gpus(self) -> str:
        """Describe the GPUs that run the plan."""
        if self.hardware_compatibility == AMPERE_AND_LATER:
            rtx = self.backend is TensorRTBackend.RTX
            return f"compute capability {'8.0, 8.6, 8.9, 12.0' if rtx else '8.0'} and later"
        return f"compute capability {', '.join(self.compute_capabilities)}"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())
