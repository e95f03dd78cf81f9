"""The command `bundle`."""

from pathlib import Path
from typing import Annotated

import typer

from dynanoise_cli import options
from dynanoise_cli.console import console_beside, progress_bar
from dynanoise_export.bundles import Part
from dynanoise_export.bundling.request import BundleRequest, ImageOptions
from dynanoise_export.errors import UsageError
from dynanoise_export.layouts import Layout

ROWS, TABLES, IMAGES, CHECKS = "Where the rows are", "Tables and texts", "Images and arrays", "Checks"


def bundle(
    out: Annotated[
        Path, typer.Option("-o", "--out", help="The bundle to write: an .npz file, or else a folder of .npy files.")
    ],
    source: Annotated[
        Path | None,
        typer.Argument(
            help="All rows: a table (.csv, .tsv, .jsonl, .parquet), a folder with members/CLASS and non-members/CLASS, "
            "an .npz, a folder of .npy files, or an .npy file."
        ),
    ] = None,
    members: Annotated[
        Path | None,
        typer.Option(help="The rows that the model was trained on, in place of SOURCE.", rich_help_panel=ROWS),
    ] = None,
    non_members: Annotated[
        Path | None, typer.Option(help="Rows that it was not trained on, in the same form.", rich_help_panel=ROWS)
    ] = None,
    auxiliary: Annotated[
        Path | None,
        typer.Option(help="More non-members, reserved for an attacker's own models.", rich_help_panel=ROWS),
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="The column or the array with the labels.", rich_help_panel=ROWS)
    ] = None,
    member: Annotated[
        str | None,
        typer.Option(
            help="The column or the array that says which rows of SOURCE are members: 1 or 0, yes or no, auxiliary.",
            rich_help_panel=ROWS,
        ),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(
            help="The column or the array that says whom a row is about, such as a patient.", rich_help_panel=ROWS
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,…",
            help="The features, in the model's order. The default is all others.",
            rich_help_panel=TABLES,
        ),
    ] = None,
    text: Annotated[
        str | None, typer.Option(help="The column with texts, for a model of texts.", rich_help_panel=TABLES)
    ] = None,
    processor: Annotated[
        Path | None,
        typer.Option(
            help="A Hugging Face folder, whose tokenizer or image processor prepares the rows.", rich_help_panel=TABLES
        ),
    ] = None,
    max_length: Annotated[
        int | None,
        typer.Option(min=1, help="The tokens after which a text is cut off.", rich_help_panel=TABLES),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(metavar="HEIGHT,WIDTH", help="Resize each image to this size.", rich_help_panel=IMAGES),
    ] = None,
    divide: Annotated[
        float | None,
        typer.Option(help="Divide all values by this. The default is 255 for image files.", rich_help_panel=IMAGES),
    ] = None,
    mean: Annotated[
        str | None,
        typer.Option(
            metavar="R,G,B", help="Then subtract this, one number or one for each channel.", rich_help_panel=IMAGES
        ),
    ] = None,
    std: Annotated[
        str | None, typer.Option(metavar="R,G,B", help="Then divide by this.", rich_help_panel=IMAGES)
    ] = None,
    grey: Annotated[
        bool, typer.Option("--grey", help="Make images grey, with one channel.", rich_help_panel=IMAGES)
    ] = False,
    layout: Annotated[
        Layout | None,
        typer.Option(
            help="Where the model takes the channels of images: first (nchw) or last (nhwc).", rich_help_panel=IMAGES
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            help="The undefended model, in any format that export opens, to fit and check the rows with.",
            rich_help_panel=CHECKS,
        ),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,…",
            help="The names of the classes in the model's order. The default is its own names, or sorted names.",
            rich_help_panel=CHECKS,
        ),
    ] = None,
    shift_labels: Annotated[
        int, typer.Option(help="Add this to each label, as in -1 for labels from 1.", rich_help_panel=CHECKS)
    ] = 0,
    drop_shared: Annotated[
        bool,
        typer.Option("--drop-shared", help="Leave out non-members that equal members.", rich_help_panel=CHECKS),
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Write the bundle although the model's answers do not fit it.", rich_help_panel=CHECKS
        ),
    ] = False,
    logits: options.Logits = None,
    arch: options.Arch = None,
    inputs: options.Inputs = None,
    allow_pickle: options.AllowPickle = False,
    binary: options.Binary = False,
    json: options.Json = None,
) -> None:
    """Make a bundle of your data: rows with labels, and which of them the model was trained on.

    With --model, the rows are fitted to the model, and its own answers show whether they are the right ones.
    """
    options.check_writable(json)
    request = BundleRequest(
        sources=_sources(source, members, non_members, auxiliary, member),
        label=label,
        member=member,
        group=group,
        columns=_names(columns),
        text=text,
        processor=processor,
        max_length=max_length,
        images=ImageOptions(_size(size), _numbers("--mean", mean), _numbers("--std", std), grey),
        layout=layout,
        divide=divide,
        classes=_names(classes),
        shift_labels=shift_labels,
        drop_shared=drop_shared,
        force=force,
    )

    from dynanoise_export.bundling.making import make_bundle
    from dynanoise_export.reports.bundle_document import bundle_document
    from dynanoise_export.reports.bundle_terminal import print_bundle
    from dynanoise_export.reports.documents import write_document
    from dynanoise_export.sources.score_options import ScoreOptions

    with progress_bar() as progress:
        made = make_bundle(
            request,
            out,
            model=model,
            source_options=options.source_options(
                logits, arch, None, inputs, allow_pickle, scores=ScoreOptions(binary=binary)
            ),
            progress=progress,
        )
    print_bundle(made, console_beside(json))
    if json is not None:
        write_document(bundle_document(made), json)


def _sources(
    source: Path | None, members: Path | None, non_members: Path | None, auxiliary: Path | None, member: str | None
) -> dict[Part | None, Path]:
    """Gather the sources: one for all rows, or one for each part.

    Raises:
        UsageError: neither or both are given.
    """
    parts = {Part.MEMBER: members, Part.NON_MEMBER: non_members, Part.AUXILIARY: auxiliary}
    given: dict[Part | None, Path] = {part: path for part, path in parts.items() if path is not None}
    if source is not None and not given:
        return {None: source}
    if source is not None or members is None or non_members is None:
        raise UsageError("Give either SOURCE, which holds all rows, or both --members and --non-members.")
    if member is not None:
        raise UsageError("--member says which rows of SOURCE are members: leave it out beside --members.")
    return given


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",")) if text else ()


def _numbers(option: str, text: str | None) -> tuple[float, ...]:
    try:
        return tuple(float(number) for number in _names(text))
    except ValueError as error:
        raise UsageError(f"{option} {text} is not a list of numbers, as in 0.485,0.456,0.406.") from error


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    sides = _numbers("--size", text)
    if len(sides) > 2 or not all(side >= 1 and side.is_integer() for side in sides):
        raise UsageError(f"--size {text} is not HEIGHT,WIDTH, as in 224,224.")
    return int(sides[0]), int(sides[-1])
