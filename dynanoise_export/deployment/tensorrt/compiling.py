"""From a defended ONNX file to a TensorRT plan with its manifest."""

import hashlib
import importlib.metadata
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from dynanoise_export.deployed.deployed_model import DeployedModel, Graph
from dynanoise_export.deployed.from_file import open_file
from dynanoise_export.deployed.manifest import Manifest, Profile, manifest_beside, write_manifest
from dynanoise_export.deployment.tensorrt.building import BuildOptions, Counted, build_plan
from dynanoise_export.deployment.tensorrt.dead_noise import draws, noise_warning, require_no_constant_seed
from dynanoise_export.deployment.tensorrt.profiles import profiles_of
from dynanoise_export.deployment.tensorrt.seeds import constant_seeds
from dynanoise_export.errors import UserError
from dynanoise_export.files import require_writable, written_whole
from dynanoise_export.graph.files import write_model
from dynanoise_export.graph.half import body_to_float16, precision_of
from dynanoise_export.graph.provenance import tool_versions
from dynanoise_export.parameters import Precision
from dynanoise_export.runtimes.onnx_runtime import require_onnxruntime
from dynanoise_export.runtimes.tensorrt.backend import Backend, require_backend
from dynanoise_export.runtimes.tensorrt.build import AMPERE_AND_LATER, NO_OTHERS
from dynanoise_export.runtimes.tensorrt.gpu import compute_capability
from dynanoise_export.runtimes.tensorrt.messages import errors_told


@dataclass(frozen=True)
class CompileOptions:
    """What a plan is to be.

    Attributes:
        build: how it is to be built.
        profiles: for which shapes, as NAME:MIN:OPT:MAX; for the other inputs there are defaults.
        precision: of the model; None leaves it as it is.
        allow_dead_noise: make a plan whose noise is the same for every query.
    """

    build: BuildOptions
    profiles: tuple[str, ...] = ()
    precision: Precision | None = None
    allow_dead_noise: bool = False


@dataclass(frozen=True)
class Compiled:
    """What was made.

    Attributes:
        path: of the plan.
        manifest: which lies beside it.
        warning: what is known against its noise, or None.
    """

    path: Path
    manifest: Manifest
    warning: str | None


def compile_plan(
    path: Path,
    output: Path,
    options: CompileOptions,
    step: Callable[[str], None] = lambda step: None,
    count: Counted = lambda done, of, told: None,
) -> Compiled:
    """Build the plan of a defended ONNX file, and write it with its manifest.

    Args:
        path: of the ONNX file.
        output: where the plan goes; its manifest goes beside it.
        options: what the plan is to be.
        step: told of each step.
        count: told how far the builder has come.

    Raises:
        UserError: the file can't be compiled so, or not here; then nothing was written.
    """
    require_writable(output)
    if output.exists() and path.exists() and output.samefile(path):
        raise UserError(f"The output {output} is the input itself: give another with -o.")
    require_backend(options.build.backend)
    step(f"Opening {path}")
    deployed = open_file(path)
    graph = _require_defended(deployed)
    warning = noise_warning(graph, options.build.backend, allow_dead=options.allow_dead_noise)
    with written_whole(output) as staged:
        step(f"Building with {options.build.backend.product}")
        built = _build(graph, deployed, options, count)
        require_no_constant_seed(graph, built.constant_seeds, allow_dead=options.allow_dead_noise)
        staged.write_bytes(built.plan)
        manifest = _manifest(graph, deployed, options.build, built)
        write_manifest(manifest, manifest_beside(staged))
    return Compiled(output, manifest, warning)


def _require_defended(deployed: DeployedModel) -> Graph:
    """See that a file gives defended answers and nothing else, and says by which parameters; give its graph."""
    if deployed.stated is None or deployed.parameters is None:
        raise UserError(f"{deployed.name} states no defence: compile takes what export made.")
    if deployed.graph is None or not deployed.graph.leaks.passed:
        raise UserError(f"{deployed.name} does not cover every answer with noise: inspect tells what leaks.")
    return deployed.graph


@dataclass(frozen=True)
class _Built:
    plan: bytes
    profiles: dict[str, Profile]
    precision: Precision
    constant_seeds: tuple[int, ...] | None
    seconds: float


def _build(graph: Graph, deployed: DeployedModel, options: CompileOptions, count: Counted) -> _Built:
    profiles = profiles_of(
        deployed.inputs if deployed.noise is None else (*deployed.inputs, deployed.noise), options.profiles
    )
    with TemporaryDirectory() as folder:
        try:
            model, precision = _in_precision(graph, options.precision, Path(folder))
            start = time.perf_counter()
            plan = build_plan(model, profiles, options.build, count)
        except UserError as error:
            raise UserError(f"{graph.path}: {error}") from error
        seconds = time.perf_counter() - start
    return _Built(plan, profiles, precision, constant_seeds(plan, draws=draws(graph)), seconds)


def _in_precision(graph: Graph, asked: Precision | None, folder: Path) -> tuple[Path, Precision]:
    """Give the file if it computes in the type that is asked for, or one in the folder that does, and tell the type.

    The types of a plan are those of the ONNX file: TensorRT has no say in them.
    """
    present = precision_of(graph.model)
    if asked in (None, present):
        return graph.path, present
    if asked is Precision.FP32:
        raise UserError("the model was exported with --precision fp16: export it with fp32.")
    require_onnxruntime()  # whose converter it is
    converted = folder / graph.path.name
    write_model(body_to_float16(graph.model), converted)
    return converted, Precision.FP16


def _manifest(graph: Graph, deployed: DeployedModel, options: BuildOptions, built: _Built) -> Manifest:
    backend = options.backend
    capability = compute_capability() if backend is Backend.TENSORRT else None
    return Manifest(
        backend=backend,
        version=str(require_backend(backend).__version__),
        compute_capabilities=options.compute_capabilities if capability is None else (capability,),
        version_compatible=options.version_compatible,
        hardware_compatibility=_hardware_compatibility(options, built.plan),
        plan_sha256=hashlib.sha256(built.plan).hexdigest(),
        read_back=backend is Backend.TENSORRT,
        profiles=built.profiles,
        precision=built.precision,
        constant_seeds=built.constant_seeds,
        build_seconds=built.seconds,
        source=graph.path.name,
        source_sha256=str(deployed.sha256),
        inputs=deployed.inputs,
        noise=deployed.noise,
        answers=deployed.answers,
        classes=deployed.classes,
        versions=tool_versions() | {"polygraphy": importlib.metadata.version("polygraphy")},
        stated=deployed.stated,
    )


def _hardware_compatibility(options: BuildOptions, plan: bytes) -> str:
    """Read the level back from a plan of TensorRT; TensorRT-RTX opens none without a GPU, and tells of no level."""
    if options.backend is Backend.TENSORRT:
        from polygraphy.backend.trt import engine_from_bytes

        with errors_told():
            level: str = engine_from_bytes(plan).hardware_compatibility_level.name
            return level
    return NO_OTHERS if options.compute_capabilities else AMPERE_AND_LATER
