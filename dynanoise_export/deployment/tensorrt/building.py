"""Build a plan: ONNX's parser and the builder of TensorRT or TensorRT-RTX, through Polygraphy."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dynanoise_export.deployed.manifest import Profile
from dynanoise_export.deployment.tensorrt.monitor import make_monitor
from dynanoise_export.errors import UserError, first_line
from dynanoise_export.runtimes.tensorrt.backend import Backend, require_backend
from dynanoise_export.runtimes.tensorrt.gpu import compute_capability
from dynanoise_export.runtimes.tensorrt.messages import errors_told, reason

# Told of the units of a phase that are done, how many there are, and the phase's name.
Counted = Callable[[float, int, str], None]


@dataclass(frozen=True)
class BuildOptions:
    """How a plan is to be built.

    Attributes:
        backend: what builds it.
        timing_cache: a file with the timings of kernels, read if it is there and written afterwards; TensorRT alone.
        version_compatible: let later versions of the backend run it; TensorRT alone.
        hardware_compatible: let all GPUs from Ampere on run it; TensorRT alone, for TensorRT-RTX does so by itself.
        compute_capabilities: of the GPUs that it is for, as in 8.9, in place of all from Ampere on; TensorRT-RTX
            alone, for TensorRT builds for the GPU that it finds.

    Raises:
        UserError: the backend has no such option.
    """

    backend: Backend
    timing_cache: Path | None = None
    version_compatible: bool = False
    hardware_compatible: bool = False
    compute_capabilities: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.backend is Backend.TENSORRT and self.compute_capabilities:
            raise UserError("--compute-capability is for TensorRT-RTX: TensorRT builds for the GPU that it finds.")
        if self.backend is Backend.TENSORRT:
            return
        # As NVIDIA's documentation of TensorRT-RTX says: "Timing Cache Migration", "Engine Compatibility".
        if self.timing_cache is not None:
            raise UserError("--timing-cache is for TensorRT: TensorRT-RTX times nothing as it builds.")
        if self.version_compatible:
            raise UserError("--version-compatible is for TensorRT: no plan of TensorRT-RTX runs in another version.")
        if self.hardware_compatible:
            raise UserError(
                "--hardware-compatible is for TensorRT: a plan of TensorRT-RTX runs on every GPU from Ampere on, "
                "or on those that --compute-capability names."
            )


def build_plan(path: Path, profiles: dict[str, Profile], options: BuildOptions, progress: Counted) -> bytes:
    """Build the plan of an ONNX file.

    Args:
        path: of the file.
        profiles: of each of its inputs.
        options: how.
        progress: told of the builder's phases.

    Raises:
        UserError: the backend is missing, or does not take the file, or can't build it here.
    """
    trt = require_backend(options.backend)
    product = options.backend.product
    if options.backend is Backend.TENSORRT and compute_capability() is None:
        raise UserError(
            "TensorRT builds a plan on the GPU that is to run it, and none with a driver is found here: go where one "
            "is, or build with --backend tensorrt-rtx, which needs none."
        )
    from polygraphy.exception import PolygraphyException

    monitor = make_monitor(trt, progress)
    with errors_told() as errors, warnings.catch_warnings():
        # Polygraphy makes a timing cache for every build, and TensorRT-RTX warns that it has no use for one.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            return _build(trt, path, profiles, options, monitor)
        except (PolygraphyException, TypeError) as error:  # the latter where a builder can't be made at all
            if monitor.interrupted:
                raise KeyboardInterrupt from None
            raise UserError(_failure(product, reason(errors or [first_line(error)]))) from error


def _build(trt: Any, path: Path, profiles: dict[str, Profile], options: BuildOptions, monitor: Any) -> bytes:
    from polygraphy.backend.trt import create_network, engine_bytes_from_network

    # Asked for or not, TensorRT 11 and TensorRT-RTX take the types from the ONNX file; TensorRT 10 has to be asked.
    builder, network = create_network(strongly_typed=True)
    _parse(trt, path, network, options.backend.product)
    config = _config(trt, profiles, options, monitor)(builder, network)
    if options.backend is Backend.RTX:  # Polygraphy does so for TensorRT alone; TF32 keeps 10 of float32's 23 bits
        config.clear_flag(trt.BuilderFlag.TF32)
    cache = None if options.timing_cache is None else str(options.timing_cache)
    return bytes(engine_bytes_from_network((builder, network), config, save_timing_cache=cache))


def _parse(trt: Any, path: Path, network: Any, product: str) -> None:
    from polygraphy.backend.trt import get_trt_logger

    trt.init_libnvinfer_plugins(get_trt_logger(), "")
    parser = trt.OnnxParser(network, get_trt_logger())
    if parser.parse_from_file(str(path)) and not parser.num_errors:
        return
    if not parser.num_errors:
        raise UserError(f"{product} can't read the file: run it in ONNX Runtime.")
    error = parser.get_error(0)
    why = "" if error.code() == trt.ErrorCode.UNSUPPORTED_NODE else f": {' '.join(error.desc().split())}"
    raise UserError(
        f"{product} does not take the operator {error.node_operator()} (node {error.node_name() or 'without a name'}"
        f"{why}): export a model without it, or run the file in ONNX Runtime."
    )


def _failure(product: str, why: str) -> str:
    out = "; give the sizes that the model takes with --profile" if "profile" in why else ""
    return f"{product} can't build a plan: {why}{out}."


def _config(trt: Any, profiles: dict[str, Profile], options: BuildOptions, monitor: Any) -> Any:
    from polygraphy.backend.trt import CreateConfig
    from polygraphy.backend.trt import Profile as Shapes

    shapes = Shapes()
    for name, profile in profiles.items():
        shapes.add(name, *profile)
    if options.backend is Backend.TENSORRT:
        levels = trt.HardwareCompatibilityLevel
        return CreateConfig(
            profiles=[shapes],
            progress_monitor=monitor,
            load_timing_cache=None if options.timing_cache is None else str(options.timing_cache),
            version_compatible=options.version_compatible,
            hardware_compatibility_level=levels.AMPERE_PLUS if options.hardware_compatible else None,
        )
    from polygraphy.backend.tensorrt_rtx import CreateConfigRTX

    asked = [_capability(trt, text) for text in options.compute_capabilities]
    return CreateConfigRTX(profiles=[shapes], progress_monitor=monitor, compute_capabilities=asked or None)


def _capability(trt: Any, text: str) -> tuple[int, ...]:
    """Read a compute capability that TensorRT-RTX builds for; it has a name for each, as SM89."""
    numbers = (name.removeprefix("SM") for name in trt.ComputeCapability.__members__)
    known = [f"{number[:-1]}.{number[-1]}" for number in numbers if number.isdecimal()]
    if text not in known:
        raise UserError(f"--compute-capability {text} is none that TensorRT-RTX builds for: {', '.join(known)}.")
    return tuple(map(int, text.split(".")))
