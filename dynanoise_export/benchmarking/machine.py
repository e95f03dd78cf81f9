"""The machine that a benchmark ran on."""

import importlib.metadata
import os
import platform
from dataclasses import dataclass
from pathlib import Path

RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "tensorrt", "tensorrt_rtx_cu13", "tritonclient")


@dataclass(frozen=True)
class Machine:
    """A machine and the runtimes on it.

    Attributes:
        processor: its name.
        cores: the number that this process may use.
        system: the operating system.
        versions: of Python and of the installed runtimes.
    """

    processor: str
    cores: int
    system: str
    versions: dict[str, str]


def this_machine() -> Machine:
    """Describe this machine."""
    return Machine(_processor(), _cores(), platform.platform(), {"python": platform.python_version()} | _installed())


def _processor() -> str:
    """Find the processor's name, which Python does not know on Linux."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _installed() -> dict[str, str]:
    present = {d.name for d in importlib.metadata.distributions()}
    return {name: importlib.metadata.version(name) for name in RUNTIMES if name in present}
