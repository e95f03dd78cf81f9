"""From a defended ONNX file to a TensorRT plan with its manifest."""

import hashlib
import importlib.metadata
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx_ir as ir

from dynanoise_export.choices import choice
from dynanoise_export.deployed.deployed_model import DeployedModel, Graph
from dynanoise_export.deployed.from_file import open_file
from dynanoise_export.deployed.manifest import Manifest, Profile, manifest_beside, write_manifest
from dynanoise_export.deployed.requirements import require_defended
from dynanoise_export.deployment.tensorrt.building import BuildOptions, build_plan
from dynanoise_export.deployment.tensorrt.dead_noise import draws, noise_warning, require_no_constant_seed
from dynanoise_export.deployment.tensorrt.profiles import profiles_of
from dynanoise_export.deployment.tensorrt.seeds import constant_seeds
from dynanoise_export.errors import UsageError, UserError
from dynanoise_export.files import require_writable, written_whole
from dynanoise_export.graph.half import body_to_float16, precision_of
from dynanoise_export.graph.model_files import write_model
from dynanoise_export.graph.provenance import tool_versions
from dynanoise_export.graph.specs import input_specs
from dynanoise_export.runtimes.checked_float16 import Float16Check, checked_float16
from dynanoise_export.runtimes.failed_run import FailedRunError
from dynanoise_export.runtimes.graph_session import open_graph
from dynanoise_export.runtimes.onnx_runtime import require_onnxruntime
from dynanoise_export.runtimes.tensorrt.backend import TensorRTBackend, installed_backend, require_backend
from dynanoise_export.runtimes.tensorrt.build import AMPERE_AND_LATER, NO_OTHERS
from dynanoise_export.runtimes.tensorrt.gpu import compute_capability
from dynanoise_export.runtimes.tensorrt.messages import collected_errors
from dynanoise_export.sources.made_up_rows import failed_on, first_that_runs, recipes, runs_in
from dynanoise_export.types import Precision, Progress, Step, no_progress


@dataclass(frozen=True)
class Compiled:
    """What `compile_plan` made.

    Attributes:
        path: of the plan.
        manifest: how the plan was built, as it stands in the file beside it.
        warning: one sentence on what is known against its noise, or None.
        float16: how the model was converted, if `compile_plan` converted it.
    """

    path: Path
    manifest: Manifest
    warning: str | None
    float16: Float16Check | None


def compile_plan(
    model: str | Path,
    output: str | Path,
    *,
    backend: TensorRTBackend | str | None = None,
    profiles: Sequence[str] = (),
    precision: Precision | str | None = None,
    allow_dead_noise: bool = False,
    timing_cache: str | Path | None = None,
    version_compatible: bool = False,
    hardware_compatible: bool = False,
    compute_capabilities: Sequence[str] = (),
    progress: Progress = no_progress,
) -> Compiled:
    """Build the TensorRT plan of a defended ONNX file, and write it with its manifest.

    Args:
        model: the path of the ONNX file.
        output: the path of the plan; its manifest goes beside it.
        backend: what builds the plan and runs it: tensorrt or tensorrt-rtx; None for the one that is installed.
        profiles: the shapes that the plan is for, each as NAME:MIN:OPT:MAX; other inputs have defaults.
        precision: fp32 or fp16, of the model; the defence computes in float32. None leaves the model as it is.
        allow_dead_noise: build a plan even if its noise is the same for every query.
        timing_cache: TensorRT: the path of a file with the timings of kernels, which later builds read.
        version_compatible: TensorRT: let later versions run the plan.
        hardware_compatible: TensorRT: let every GPU from Ampere on run the plan.
        compute_capabilities: TensorRT-RTX: of the GPUs that the plan is for, as in 8.9; empty for all that it
            runs on (`Build.gpus`).
        progress: called with each step, and with the builder's phases.

    Returns:
        The path of the plan, its manifest, what is known against its noise, and how it was converted.

    Raises:
        UserError: the file can't be compiled so, or not on this machine; then nothing was written.
    """
    path, output = Path(model), Path(output)
    require_writable(output)
    if output.exists() and path.exists() and output.samefile(path):
        raise UsageError(f"The output {output} is the input itself: give another with -o.")
    chosen = None if precision is None else choice(Precision, precision, "precision")
    builder = installed_backend() if backend is None else choice(TensorRTBackend, backend, "backend")
    cache = None if timing_cache is None else Path(timing_cache)
    options = BuildOptions(builder, cache, version_compatible, hardware_compatible, tuple(compute_capabilities))
    require_backend(options.backend)
    progress(Step(f"Opening {path}"))
    opened = open_file(path)
    graph = _defended_graph(opened)
    warning = noise_warning(graph, options.backend, allow_dead=allow_dead_noise)
    with written_whole(output, private=opened.holds_secret) as staged:
        progress(Step(f"Building with {options.backend.product}"))
        built = _build(graph, profiles_of(opened.all_inputs, profiles), chosen, options, progress)
        require_no_constant_seed(graph, built.constant_seeds, allow_dead=allow_dead_noise)
        staged.write_bytes(built.plan)
        manifest = _manifest(graph, opened, options, built)
        write_manifest(manifest, manifest_beside(staged))
    return Compiled(output, manifest, warning, built.float16)


def _defended_graph(model: DeployedModel) -> Graph:
    require_defended(model)
    if model.graph is None:
        raise AssertionError(f"the graph of {model.name} can't be seen")
    return model.graph


@dataclass(frozen=True)
class _Built:
    plan: bytes
    profiles: dict[str, Profile]
    precision: Precision
    float16: Float16Check | None
    constant_seeds: tuple[int, ...] | None
    seconds: float


def _build(
    graph: Graph, profiles: dict[str, Profile], chosen: Precision | None, options: BuildOptions, progress: Progress
) -> _Built:
    with TemporaryDirectory() as folder:
        try:
            path, precision, check = _in_precision(graph, chosen, Path(folder))
            start = time.perf_counter()
            plan = build_plan(path, profiles, options, progress)
        except UserError as error:
            raise type(error)(f"{graph.path}: {error}") from error
        seconds = time.perf_counter() - start
    return _Built(plan, profiles, precision, check, constant_seeds(plan, draws=draws(graph)), seconds)


def _in_precision(graph: Graph, chosen: Precision | None, folder: Path) -> tuple[Path, Precision, Float16Check | None]:
    """Give a file that computes in the chosen precision, the precision, and how a conversion went, if there was one.

    It is the file itself, or one in the folder.

    A plan takes its types from the ONNX file, and TensorRT can't change them.
    """
    present = precision_of(graph.model)
    if chosen in (None, present):
        return graph.path, present, None
    if chosen is Precision.FP32:
        raise UsageError("the model was exported with --precision fp16: export it with fp32.")
    require_onnxruntime()  # it has the converter
    model, check = body_to_float16(graph.model, _checked)
    converted = folder / graph.path.name
    write_model(model, converted)
    return converted, Precision.FP16, check


def _checked(body: ir.Model) -> tuple[ir.Model, Float16Check]:
    """Convert what comes before the defence, and compare its one output on made-up rows."""
    specs = input_specs(body)
    with open_graph(body, light=True) as predictor:
        try:
            recipe = first_that_runs(recipes(specs), specs, runs_in(predictor))
        except FailedRunError as error:
            way_out = "leave --precision out, or export with --precision fp16 and --example rows.npz"
            raise failed_on("what comes before the defence", "made-up rows", error, way_out) from error
    return checked_float16(body, recipe.rows(specs), str(body.graph.outputs[0].name), made_up=True)


def _manifest(graph: Graph, model: DeployedModel, options: BuildOptions, built: _Built) -> Manifest:
    backend = options.backend
    capability = compute_capability() if backend is TensorRTBackend.TENSORRT else None
    return Manifest(
        backend=backend,
        version=str(require_backend(backend).__version__),
        compute_capabilities=options.compute_capabilities if capability is None else (capability,),
        version_compatible=options.version_compatible,
        hardware_compatibility=_hardware_compatibility(options, built.plan),
        plan_sha256=hashlib.sha256(built.plan).hexdigest(),
        read_back=backend is TensorRTBackend.TENSORRT,
        profiles=built.profiles,
        precision=built.precision,
        constant_seeds=built.constant_seeds,
        build_seconds=built.seconds,
        source=graph.path.name,
        source_sha256=str(model.sha256),
        inputs=model.inputs,
        noise_input=model.noise_input,
        answers=model.answers,
        classes=model.classes,
        versions=tool_versions() | {"polygraphy": importlib.metadata.version("polygraphy")},
        provenance=model.provenance,
    )


def _hardware_compatibility(options: BuildOptions, plan: bytes) -> str:
    """Read the level from a plan of TensorRT; TensorRT-RTX opens no plan without a GPU, and states no level."""
    if options.backend is TensorRTBackend.TENSORRT:
        from polygraphy.backend.trt import engine_from_bytes

        with collected_errors():
            level: str = engine_from_bytes(plan).hardware_compatibility_level.name
            return level
    return NO_OTHERS if options.compute_capabilities else AMPERE_AND_LATER
