"""The command `export`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from dynanoise_cli.console import console_beside, progress
from dynanoise_export.errors import UserError
from dynanoise_export.files import require_writable
from dynanoise_export.parameters import DEFAULT_BASE_VARIANCE, NoiseSource, Parameters, Precision

DEFENCE = "Defence"
MODEL = "What the model's file does not say"
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
    sigma0: Annotated[
        float | None,
        typer.Option(help="σ₀, the base standard deviation of the noise, in logits.", rich_help_panel=DEFENCE),
    ] = None,
    base_variance: Annotated[
        float | None,
        typer.Option(
            help=f"σ₀², as the papers give it, in place of --sigma0. Without either: {DEFAULT_BASE_VARIANCE}.",
            rich_help_panel=DEFENCE,
        ),
    ] = None,
    lambda_: Annotated[
        float,
        typer.Option("--lambda", help="λ: how much more noise where the model is sure.", rich_help_panel=DEFENCE),
    ] = Parameters.lambda_,
    temperature: Annotated[
        float, typer.Option(help="T, which smooths the noisy logits.", rich_help_panel=DEFENCE)
    ] = Parameters.temperature,
    noise: Annotated[
        NoiseSource,
        typer.Option(
            help="random: drawn by the runtime. input: fed by the server through a further input.",
            rich_help_panel=DEFENCE,
        ),
    ] = NoiseSource.RANDOM,
    logits: Annotated[
        str | None,
        typer.Option(help="The output, or the value in an ONNX graph, that holds the logits.", rich_help_panel=MODEL),
    ] = None,
    arch: Annotated[
        str | None,
        typer.Option(
            help="MODULE:FACTORY, which makes the module for a state dict; keyword arguments as JSON behind a "
            """question mark, as in 'timm:create_model?{"model_name": "resnet18"}'.""",
            rich_help_panel=MODEL,
        ),
    ] = None,
    example: Annotated[
        Path | None,
        typer.Option(help="An .npz with a few rows for each input, by its name.", rich_help_panel=MODEL),
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            metavar="NAME:SHAPE[:DTYPE]",
            help="An input, with names for its dynamic axes, as in x:batch,3,32,32. Once for each input.",
            rich_help_panel=MODEL,
        ),
    ] = None,
    allow_pickle: Annotated[
        bool,
        typer.Option("--allow-pickle", help="Run the code in a pickled model that you trust.", rich_help_panel=MODEL),
    ] = False,
    opset: Annotated[int | None, typer.Option(min=13, help="The opset of the file.", rich_help_panel=FILE)] = None,
    precision: Annotated[
        Precision, typer.Option(help="Of the model; the defence computes in fp32.", rich_help_panel=FILE)
    ] = Precision.FP32,
    inline: Annotated[
        bool,
        typer.Option("--inline", help="Flatten the defence into plain operators.", rich_help_panel=FILE),
    ] = False,
    json: Annotated[
        Path | None, typer.Option(help="Tell what was made as JSON in this file, or - for standard output.")
    ] = None,
) -> None:
    """Make a defended ONNX file of a trained classifier."""
    parameters = _parameters(sigma0, base_variance, lambda_, temperature)
    if json is not None:
        require_writable(json)

    from dynanoise_export.exporting import ExportOptions
    from dynanoise_export.exporting import export as make
    from dynanoise_export.mechanism.heads import DynaNoise
    from dynanoise_export.reports.document import export_document, write_document
    from dynanoise_export.reports.terminal import print_exported
    from dynanoise_export.targets.inputs import parse_spec
    from dynanoise_export.targets.target import OpenOptions

    options = ExportOptions(noise=noise, opset=opset, precision=precision, inline=inline)
    opening = OpenOptions(
        arch=arch,
        inputs=tuple(parse_spec(text) for text in inputs or ()),
        example=example,
        logits=logits,
        allow_pickle=allow_pickle,
    )
    with progress() as step:
        exported = make(model, output, DynaNoise(parameters), options, opening, step)
    if exported.dropped:
        print(f"Dropped, for they would undo the defence: {', '.join(exported.dropped)}.", file=sys.stderr)
    print_exported(exported, console_beside(json))
    if json is not None:
        write_document(export_document(exported), json)


def _parameters(sigma0: float | None, base_variance: float | None, lambda_: float, temperature: float) -> Parameters:
    if sigma0 is not None and base_variance is not None:
        raise UserError("--sigma0 and --base-variance set the same thing (σ₀ and its square): give one of them.")
    if sigma0 is not None:
        return Parameters(sigma0, lambda_, temperature)
    variance = DEFAULT_BASE_VARIANCE if base_variance is None else base_variance
    return Parameters.from_base_variance(variance, lambda_, temperature)
