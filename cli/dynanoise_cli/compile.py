"""The command `compile`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from dynanoise_cli import options
from dynanoise_cli.console import console_beside, counted_progress
from dynanoise_export.errors import UserError
from dynanoise_export.files import require_writable
from dynanoise_export.parameters import Precision
from dynanoise_export.runtimes.tensorrt.backend import Backend, installed_backend

PLACES = "Where the plan is to run"


def compile_(
    defended: Annotated[Path, typer.Argument(help="A defended ONNX file.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The plan; its manifest goes beside it.")],
    backend: Annotated[
        Backend | None, typer.Option(help="What builds it and runs it; unless given, the one that is installed.")
    ] = None,
    profile: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME:MIN:OPT:MAX",
            help="The smallest, the most frequent and the largest shape of an input, as in x:1x64:8x64:256x64. Once "
            "for each input. Unless given: 1, 8 and 256 rows, and 1, 128 and 512 along other dynamic axes.",
        ),
    ] = None,
    precision: Annotated[
        Precision | None,
        typer.Option(help="Of the model; the defence computes in fp32. Unless given, as it was exported."),
    ] = None,
    allow_dead_noise: Annotated[
        bool, typer.Option("--allow-dead-noise", help="Build it even where its noise is the same for every query.")
    ] = False,
    timing_cache: Annotated[
        Path | None,
        typer.Option(help="TensorRT: the timings of kernels, read if the file is there and kept in it."),
    ] = None,
    version_compatible: Annotated[
        bool,
        typer.Option("--version-compatible", help="TensorRT: let later versions run the plan.", rich_help_panel=PLACES),
    ] = False,
    hardware_compatible: Annotated[
        bool,
        typer.Option(
            "--hardware-compatible",
            help="TensorRT: let every GPU from Ampere on run it, and not this one's kind alone.",
            rich_help_panel=PLACES,
        ),
    ] = False,
    compute_capability: Annotated[
        list[str] | None,
        typer.Option(
            metavar="N.N",
            help="TensorRT-RTX: a kind of GPU that it is for, as 8.9, in place of all from Ampere on. Once for each.",
            rich_help_panel=PLACES,
        ),
    ] = None,
    json: options.Json = None,
) -> None:
    """Build a TensorRT plan of a defended ONNX file, with a manifest beside it."""
    for path in (json, timing_cache):
        if path is not None:
            require_writable(path)
    if json is not None and json.absolute() == output.with_name(f"{output.name}.json").absolute():
        raise UserError(f"{json} is where the plan's manifest goes: give another file with --json.")
    chosen = backend or installed_backend()

    from dynanoise_export.deployment.tensorrt.building import BuildOptions
    from dynanoise_export.deployment.tensorrt.compiling import CompileOptions, compile_plan
    from dynanoise_export.reports.compile_report import plan_document, print_compiled
    from dynanoise_export.reports.documents import write_document

    capabilities = tuple(compute_capability or ())
    build = BuildOptions(chosen, timing_cache, version_compatible, hardware_compatible, capabilities)
    choices = CompileOptions(build, tuple(profile or ()), precision, allow_dead_noise)
    with counted_progress() as (step, count):
        compiled = compile_plan(defended, output, choices, step, count)
    if compiled.warning:
        print(compiled.warning, file=sys.stderr)
    print_compiled(compiled, console_beside(json))
    if json is not None:
        write_document(plan_document(compiled), json)
