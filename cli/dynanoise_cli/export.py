"""The command `export`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from dynanoise_cli import options
from dynanoise_cli.console import console_beside, progress
from dynanoise_export.errors import UserError
from dynanoise_export.files import require_writable
from dynanoise_export.parameters import DEFAULT_BASE_VARIANCE, DEFAULT_GRIDS, NoiseSource, Parameters, Precision

FILE = "The file to make"


def export(
    model: Annotated[
        Path,
        typer.Argument(
            help="A trained classifier: TorchScript, torch.export (.pt2), a checkpoint of dynanoise-models, a state "
            "dict with --arch, safetensors with --arch, ONNX, or a Hugging Face folder."
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The defended ONNX file.", rich_help_panel=FILE)],
    sigma0: options.Sigma0 = None,
    base_variance: options.BaseVariance = None,
    lambda_: options.Lambda = None,
    temperature: options.Temperature = None,
    noise: Annotated[
        NoiseSource,
        typer.Option(
            help="random: drawn by the runtime. input: fed by the server through a further input. keyed: computed from "
            "a secret key and the query.",
            rich_help_panel=options.DEFENCE,
        ),
    ] = NoiseSource.RANDOM,
    key_file: options.KeyFile = None,
    grid: Annotated[
        list[float] | None,
        typer.Option(
            help="For keyed noise: how wide the cells are within which queries share it. Once for each grid.",
            rich_help_panel=options.DEFENCE,
        ),
    ] = None,
    keep_label: Annotated[
        bool,
        typer.Option(
            "--keep-label",
            help="Give the largest probability back to the class that the model names without the defence.",
            rich_help_panel=options.DEFENCE,
        ),
    ] = False,
    logits: options.Logits = None,
    arch: options.Arch = None,
    example: options.Example = None,
    inputs: options.Inputs = None,
    allow_pickle: options.AllowPickle = False,
    opset: Annotated[int | None, typer.Option(min=13, help="The opset of the file.", rich_help_panel=FILE)] = None,
    precision: Annotated[
        Precision, typer.Option(help="Of the model; the defence computes in fp32.", rich_help_panel=FILE)
    ] = Precision.FP32,
    inline: Annotated[
        bool, typer.Option("--inline", help="Flatten the defence into plain operators.", rich_help_panel=FILE)
    ] = False,
    json: options.Json = None,
) -> None:
    """Make a defended ONNX file of a trained classifier."""
    parameters = options.parameters(sigma0, base_variance, lambda_, temperature)
    if noise is not NoiseSource.KEYED and (key_file is not None or grid):
        raise UserError("--key-file and --grid are for --noise keyed.")
    if json is not None:
        require_writable(json)

    from dynanoise_export.defences.dynanoise import DynaNoise
    from dynanoise_export.exporting import ExportOptions
    from dynanoise_export.exporting import export as make
    from dynanoise_export.reports.documents import export_document, write_document
    from dynanoise_export.reports.terminal import print_exported

    grids = tuple(grid or DEFAULT_GRIDS)
    choices = ExportOptions(
        noise=noise, key_file=key_file, grids=grids, opset=opset, precision=precision, inline=inline
    )
    opening = options.opening(logits, arch, example, inputs, allow_pickle)
    with progress() as step:
        exported = make(model, output, DynaNoise(parameters, keep_label), choices, opening, step)
    if exported.dropped:
        print(f"Dropped, for they would undo the defence: {', '.join(exported.dropped)}.", file=sys.stderr)
    print_exported(exported, console_beside(json))
    if json is not None:
        write_document(export_document(exported), json)


export.__doc__ = (
    f"{export.__doc__} Without options, with the paper's settings for CIFAR-10: base variance "
    f"{DEFAULT_BASE_VARIANCE:g}, λ {Parameters.lambda_:g}, T {Parameters.temperature:g}."
)
