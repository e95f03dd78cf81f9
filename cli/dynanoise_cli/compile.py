"""The command `compile`."""

from pathlib import Path
from typing import Annotated

import typer

from dynanoise_cli import options
from dynanoise_cli.console import console_beside, progress_bar, say
from dynanoise_export.errors import UsageError
from dynanoise_export.runtimes.tensorrt.backend import TensorRTBackend
from dynanoise_export.types import Precision

TARGET = "Where the plan can run"


def compile_(
    defended: Annotated[Path, typer.Argument(help="A defended ONNX file.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The plan. Its manifest is written beside it.")],
    backend: Annotated[
        TensorRTBackend | None, typer.Option(help="What builds and runs the plan. The default is the installed one.")
    ] = None,
    profile: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME:MIN:OPT:MAX",
            help="The smallest, the most frequent and the largest shape of an input, as in x:1x64:8x64:256x64. Give it "
            "once for each input. The default is 1, 8 and 256 rows, and 1, 128 and 512 along other dynamic axes.",
        ),
    ] = None,
    precision: Annotated[
        Precision | None,
        typer.Option(
            help="The type that the model computes in. The defence computes in fp32. The default is that of the file."
        ),
    ] = None,
    allow_dead_noise: Annotated[
        bool,
        typer.Option("--allow-dead-noise", help="Build the plan even if its noise is the same for every query."),
    ] = False,
    timing_cache: Annotated[
        Path | None,
        typer.Option(help="TensorRT: a file for the timings of kernels, which later builds read."),
    ] = None,
    version_compatible: Annotated[
        bool,
        typer.Option("--version-compatible", help="TensorRT: let later versions run the plan.", rich_help_panel=TARGET),
    ] = False,
    hardware_compatible: Annotated[
        bool,
        typer.Option(
            "--hardware-compatible",
            help="TensorRT: let every GPU from Ampere on run the plan, not only this kind.",
            rich_help_panel=TARGET,
        ),
    ] = False,
    compute_capability: Annotated[
        list[str] | None,
        typer.Option(
            metavar="N.N",
            help="TensorRT-RTX: a kind of GPU that the plan is for, as 8.9. Give it once for each kind. The default is "
            "8.0, 8.6, 8.9, 12.0 and later.",
            rich_help_panel=TARGET,
        ),
    ] = None,
    json: options.Json = None,
) -> None:
    """Build a TensorRT plan of a defended ONNX file, with a manifest beside it."""
    options.check_writable(json, timing_cache, read=(defended, output))
    if json is not None and json.absolute() == output.with_name(f"{output.name}.json").absolute():
        raise UsageError(f"{json} is the manifest of the plan: give another file with --json.")

    from dynanoise_export.deployment.tensorrt.compiling import compile_plan
    from dynanoise_export.reports.compile_document import compile_document
    from dynanoise_export.reports.compile_terminal import print_compiled
    from dynanoise_export.reports.documents import write_document

    with progress_bar() as progress:
        compiled = compile_plan(
            defended,
            output,
            backend=backend,
            profiles=tuple(profile or ()),
            precision=precision,
            allow_dead_noise=allow_dead_noise,
            timing_cache=timing_cache,
            version_compatible=version_compatible,
            hardware_compatible=hardware_compatible,
            compute_capabilities=tuple(compute_capability or ()),
            progress=progress,
        )
    if compiled.warning:
        say(compiled.warning)
    print_compiled(compiled, console_beside(json))
    if json is not None:
        write_document(compile_document(compiled), json)
