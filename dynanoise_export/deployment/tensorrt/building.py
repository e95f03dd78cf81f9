"""Build a plan: ONNX's parser and the builder of TensorRT or TensorRT-RTX, through Polygraphy."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dynanoise_export.deployed.manifest import Profile
from dynanoise_export.deployment.tensorrt.monitor import make_monitor
from dynanoise_export.errors import EndpointError, UnsupportedModelError, UsageError, first_line
from dynanoise_export.runtimes.tensorrt.backend import TensorRTBackend, require_backend
from dynanoise_export.runtimes.tensorrt.gpu import compute_capability
from dynanoise_export.runtimes.tensorrt.messages import collected_errors, reason
from dynanoise_export.types import Progress, no_progress


@dataclass(frozen=True)
class BuildOptions:
    """How a plan is built.

    Attributes:
        backend: what builds it.
        timing_cache: TensorRT: a file with the timings of kernels, which is read if it exists and written afterwards.
        version_compatible: TensorRT: let later versions of the backend run the plan.
        hardware_compatible: TensorRT: let all GPUs from Ampere on run the plan.
        compute_capabilities: TensorRT-RTX: of the GPUs that the plan is for, as in 8.9, instead of all that it runs on;
            TensorRT builds for the GPU that it finds.

    Raises:
        UsageError: the backend does not have the option.
    """

    backend: TensorRTBackend
    timing_cache: Path | None = None
    version_compatible: bool = False
    hardware_compatible: bool = False
    compute_capabilities: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.backend is TensorRTBackend.TENSORRT:
            if self.compute_capabilities:
                raise UsageError("--compute-capability is for TensorRT-RTX: TensorRT builds for the GPU that it finds.")
            return
        # As NVIDIA's documentation of TensorRT-RTX says: "Timing Cache Migration", "Engine Compatibility".
        if self.timing_cache is not None:
            raise UsageError("--timing-cache is for TensorRT: TensorRT-RTX does not time kernels as it builds.")
        if self.version_compatible:
            raise UsageError("--version-compatible is for TensorRT: plans of TensorRT-RTX run only in their version.")
        if self.hardware_compatible:
            raise UsageError(
                "--hardware-compatible is for TensorRT: a plan of TensorRT-RTX runs on every GPU that it knows, "
                "or on those that --compute-capability names."
            )


def build_plan(
    path: Path, profiles: dict[str, Profile], options: BuildOptions, progress: Progress = no_progress
) -> bytes:
    """Build the plan of an ONNX file.

    Args:
        path: of the file.
        profiles: of each of its inputs.
        options: of the build.
        progress: called with the builder's phases.

    Raises:
        UserError: the backend is not installed, does not support the model, or can't build the plan on this machine.
    """
    trt = require_backend(options.backend)
    product = options.backend.product
    if options.backend is TensorRTBackend.TENSORRT and compute_capability() is None:
        raise EndpointError(
            "TensorRT builds a plan on the GPU that is to run it, and no GPU with a driver is found here: build on a "
            "machine with a GPU, or with --backend tensorrt-rtx, which needs none."
        )
    from polygraphy.exception import PolygraphyException

    monitor = make_monitor(trt, progress)
    with collected_errors() as errors, warnings.catch_warnings():
        # Polygraphy makes a timing cache for every build, and TensorRT-RTX warns that it does not use one.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            return _build(trt, path, profiles, options, monitor)
        except (PolygraphyException, TypeError) as error:  # TypeError if no builder can be made at all
            if monitor.interrupted:
                raise KeyboardInterrupt from None
            raise EndpointError(_failure(product, reason(errors or [first_line(error)]))) from error


def _build(trt: Any, path: Path, profiles: dict[str, Profile], options: BuildOptions, monitor: Any) -> bytes:
    from polygraphy.backend.trt import create_network, engine_bytes_from_network

    # TensorRT 11 and TensorRT-RTX always take the types from the ONNX file; for TensorRT 10 it is an option.
    builder, network = create_network(strongly_typed=True)
    _parse(trt, path, network, options.backend.product)
    config = _config(trt, profiles, options, monitor)(builder, network)
    if options.backend is TensorRTBackend.RTX:  # Polygraphy does this only for TensorRT; TF32 has 10 bits of 23
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
        raise UnsupportedModelError(f"{product} can't read the file: run it in ONNX Runtime.")
    error = parser.get_error(0)
    why = "" if error.code() == trt.ErrorCode.UNSUPPORTED_NODE else f": {' '.join(error.desc().split())}"
    raise UnsupportedModelError(
        f"{product} does not support the operator {error.node_operator()} (node {error.node_name() or 'without a name'}"
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
    if options.backend is TensorRTBackend.TENSORRT:
        levels = trt.HardwareCompatibilityLevel
        return CreateConfig(
            profiles=[shapes],
            progress_monitor=monitor,
            load_timing_cache=None if options.timing_cache is None else str(options.timing_cache),
            version_compatible=options.version_compatible,
            hardware_compatibility_level=levels.AMPERE_PLUS if options.hardware_compatible else None,
        )
    from polygraphy.backend.tensorrt_rtx import CreateConfigRTX

    capabilities = [_capability(trt, text) for text in options.compute_capabilities]
    return CreateConfigRTX(profiles=[shapes], progress_monitor=monitor, compute_capabilities=capabilities or None)


def _capability(trt: Any, text: str) -> tuple[int, ...]:
    """Read a compute capability that TensorRT-RTX builds for; its module lists them, such as SM89."""
    numbers = (name.removeprefix("SM") for name in trt.ComputeCapability.__members__)
    known = [f"{number[:-1]}.{number[-1]}" for number in numbers if number.isdecimal()]
    if text not in known:
        raise UsageError(
            f"TensorRT-RTX does not build for --compute-capability {text}; choose one of {', '.join(known)}."
        )
    return tuple(map(int, text.split(".")))
