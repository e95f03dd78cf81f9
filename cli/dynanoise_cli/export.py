"""The command `export`."""

from pathlib import Path
from typing import Annotated

import typer

from dynanoise_cli import options
from dynanoise_cli.console import console_beside, progress_bar, say
from dynanoise_export.defences.catalogue import DEFAULT, make_defence
from dynanoise_export.defences.guards.guard import GuardKind
from dynanoise_export.errors import UsageError
from dynanoise_export.files import require_different
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.sources.score_options import ScoreOptions
from dynanoise_export.types import Precision

FILE = "The file to write"
# docs/results.md has the figures.
PAPERS_DEFAULT = (
    "This is the papers' σ₀, which does little: the best attack on mlp-location30 falls from an AUC of 0.931 to 0.917; "
    "docs/README.md says how to choose --sigma0."
)
# Those of DynaNoise, which takes a second to import; a test compares them.
DEFAULTS = {"base variance": 0.3, "λ": 2, "T": 10}


def export(
    model: Annotated[
        Path,
        typer.Argument(
            help="A trained classifier: TorchScript, torch.export (.pt2), a checkpoint of dynanoise-models, a state "
            "dict with --arch, safetensors with --arch, ONNX, or a Hugging Face folder."
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The defended ONNX file.", rich_help_panel=FILE)],
    defence: options.NewDefence = DEFAULT,
    parameter: options.Parameters = None,
    sigma0: options.Sigma0 = None,
    base_variance: options.BaseVariance = None,
    lambda_: options.Lambda = None,
    temperature: options.Temperature = None,
    defence_data: Annotated[
        Path | None,
        typer.Option(
            metavar="BUNDLE",
            help="Rows of which it is known whether the model was trained on them, for a defence that is fitted to the "
            "model.",
            rich_help_panel=options.DEFENCE,
        ),
    ] = None,
    defence_shadows: Annotated[
        Path | None,
        typer.Option(
            metavar="STORE",
            help="A shadow store of these rows, for a defence that learns from shadow models.",
            rich_help_panel=options.DEFENCE,
        ),
    ] = None,
    noise: Annotated[
        NoiseSource | None,
        typer.Option(
            help="Where the noise comes from. random: the runtime draws it. input: the server feeds it through another "
            "input. keyed: it is computed from a secret key and the query. The default is random, or no noise for a "
            "defence that takes none.",
            rich_help_panel=options.DEFENCE,
        ),
    ] = None,
    key_file: options.KeyFile = None,
    grid: Annotated[
        list[float] | None,
        typer.Option(
            help="The width of the cells of keyed noise: queries in one cell share their noise. Give it once for each "
            "grid.",
            rich_help_panel=options.DEFENCE,
        ),
    ] = None,
    keep_label: Annotated[
        bool,
        typer.Option(
            "--keep-label",
            help="Give the largest probability back to the class that the undefended model names.",
            rich_help_panel=options.DEFENCE,
        ),
    ] = False,
    guard: Annotated[
        GuardKind | None,
        typer.Option(
            help="Bring every query into the rows' domain before the model sees it. box: each number within its range. "
            "binary: 0 or 1. image: the levels of 8 bits. sphere, binary-sphere: box or binary, and the model answers "
            "several copies of each query, moved by fixed offsets.",
            rich_help_panel=options.DEFENCE,
        ),
    ] = None,
    guard_data: Annotated[
        str | None,
        typer.Option(
            metavar="BUNDLE|LOW:HIGH",
            help="Rows that pass the guard as they are, or one range for all numbers. The file shows the bounds.",
            rich_help_panel=options.DEFENCE,
        ),
    ] = None,
    guard_parameter: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="A parameter of the guard: sigma and copies of sphere, flips and copies of binary-sphere.",
            rich_help_panel=options.DEFENCE,
        ),
    ] = None,
    logits: options.Logits = None,
    treat_as: options.SaidScale = None,
    binary: options.Binary = False,
    floor: options.Floor = None,
    arch: options.Arch = None,
    example: options.Example = None,
    inputs: options.Inputs = None,
    dynamic_batch: options.DynamicBatch = False,
    allow_pickle: options.AllowPickle = False,
    opset: Annotated[int | None, typer.Option(min=13, help="The opset of the file.", rich_help_panel=FILE)] = None,
    precision: Annotated[
        Precision,
        typer.Option(help="The type that the model computes in. The defence computes in fp32.", rich_help_panel=FILE),
    ] = Precision.FP32,
    inline: Annotated[
        bool, typer.Option("--inline", help="Flatten the defence into plain operators.", rich_help_panel=FILE)
    ] = False,
    with_logits: Annotated[
        bool,
        typer.Option(
            "--with-logits",
            help="Give the logarithm of the defended probabilities as well, as the output `logits`, for programs that "
            "ask for logits.",
            rich_help_panel=FILE,
        ),
    ] = False,
    json: options.Json = None,
) -> None:
    """Make a defended ONNX file of a trained classifier."""
    given = options.parameters(parameter, sigma0, base_variance, lambda_, temperature)
    options.check_writable(output)
    options.check_writable(json, read=(model, output, key_file))
    if defence_shadows is not None and defence_data is None:
        raise UsageError("--defence-shadows is a store of the rows of --defence-data: give both.")
    for option, value in (("--guard-data", guard_data), ("--guard-parameter", guard_parameter)):
        if guard is None and value is not None:
            raise UsageError(f"{option} belongs to a guard: add --guard {' or --guard '.join(GuardKind)}.")
    of_guard = options.named_numbers(guard_parameter, "--guard-parameter", "copies=9")
    guarded_by = None if guard_data is None else options.rows_or_range(guard_data)
    source_options = options.source_options(
        logits,
        arch,
        example,
        inputs,
        allow_pickle,
        dynamic_batch=dynamic_batch,
        scores=ScoreOptions(treat_as, binary, floor),
    )

    from dynanoise_export.exporting import export as make
    from dynanoise_export.fitting import fit_defence
    from dynanoise_export.guarding import fit_guard
    from dynanoise_export.reports.documents import write_document
    from dynanoise_export.reports.export_document import export_document
    from dynanoise_export.reports.export_terminal import print_exported

    with progress_bar() as progress:
        if defence_data is None:
            made = make_defence(defence, given, keep_label=keep_label)
        else:
            made = fit_defence(
                model, defence, parameters=given, data=defence_data, shadows=defence_shadows, keep_label=keep_label,
                source_options=source_options, progress=progress,
            )  # fmt: skip
        fitted = None
        if guard is not None:
            fitted = fit_guard(
                model, guard, data=guarded_by, parameters=of_guard, source_options=source_options, progress=progress
            )
        exported = make(
            model,
            output,
            defence=made,
            noise=noise,
            key_file=key_file,
            grids=tuple(grid or ()),
            guard=fitted,
            source_options=source_options,
            opset=opset,
            precision=precision,
            inline=inline,
            with_logits=with_logits,
            progress=progress,
        )
    if exported.dropped:
        say(f"Dropped outputs that would bypass the defence: {', '.join(exported.dropped)}.")
    console = console_beside(json)
    print_exported(exported, console)
    if defence == DEFAULT and not given.keys() & {"sigma0", "base_variance"}:
        console.print(PAPERS_DEFAULT, soft_wrap=True)
    for data in exported.source.data_files:
        require_different({"the report": json, "the model's weights": data})
    if json is not None:
        write_document(export_document(exported), json)


export.__doc__ = (
    f"{export.__doc__} Without options the defence is DynaNoise with the paper's settings for CIFAR-10: "
    f"{', '.join(f'{name} {value:g}' for name, value in DEFAULTS.items())}."
)
