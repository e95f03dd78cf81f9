"""The command `tune`."""

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dynanoise_cli import options, plain_options
from dynanoise_cli.console import console_beside, progress_bar
from dynanoise_cli.summaries import require_summaries, write_summaries
from dynanoise_export.defences.catalogue import DEFAULT
from dynanoise_export.defences.guards.guard import GuardKind
from dynanoise_export.errors import UsageError
from dynanoise_export.noise.source import NoiseSource

if TYPE_CHECKING:
    from dynanoise_export.sources.source_model import SourceOptions
    from dynanoise_export.tuning.settings import Variant

ATTACKER, SEARCH = "Attacker", "Search"


def tune(
    plain: plain_options.Plain,
    data: plain_options.Data,
    shadows: plain_options.Shadows = None,
    defence: options.NewDefence = DEFAULT,
    keep_label: Annotated[
        bool | None,
        typer.Option(
            "--keep-label/--no-keep-label",
            help="Whether answers keep the undefended label. By default both are tried.",
            rich_help_panel=options.DEFENCE,
        ),
    ] = None,
    noise: Annotated[
        list[NoiseSource] | None,
        typer.Option(
            help="The noise source that finalists are exported with. Give it once for each. The default is keyed.",
            rich_help_panel=options.DEFENCE,
        ),
    ] = None,
    grids: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WIDTH[,WIDTH…]",
            help="Widths of the cells of keyed noise that finalists are exported with. Give it once for each set.",
            rich_help_panel=options.DEFENCE,
        ),
    ] = None,
    guard: Annotated[
        list[GuardKind] | None,
        typer.Option(
            help="A guard that finalists are exported with, as export makes it. Give it once for each; finalists "
            "without a guard are tried as well.",
            rich_help_panel=options.DEFENCE,
        ),
    ] = None,
    guard_data: Annotated[
        str | None,
        typer.Option(
            metavar="BUNDLE|LOW:HIGH",
            help="Rows that pass the guards as they are, or one range for all numbers. The default is the bundle.",
            rich_help_panel=options.DEFENCE,
        ),
    ] = None,
    objective: Annotated[
        str,
        typer.Option(
            metavar="auc|tpr@FPR",
            help="What to make small: the strongest attacker's AUC, or its TPR at this FPR, as in tpr@0.01.",
            rich_help_panel=ATTACKER,
        ),
    ] = "auc",
    budget: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="The most queries for each row of any attacker. The default is 64.",
            rich_help_panel=ATTACKER,
        ),
    ] = None,
    domain: Annotated[
        str,
        typer.Option(
            metavar="any|box|binary|image|tokens",
            help="Which inputs attackers may send.",
            rich_help_panel=ATTACKER,
        ),
    ] = "any",
    max_accuracy_drop: Annotated[
        float, typer.Option(help="How much accuracy a setting may lose, from 0 to 1.", rich_help_panel=SEARCH)
    ] = 0.02,
    trials: Annotated[
        int | None, typer.Option(help="How many settings to try. The default is 200.", rich_help_panel=SEARCH)
    ] = None,
    finalists: Annotated[
        int | None,
        typer.Option(
            help="How many settings are exported and attacked in full, at most. The default is 2.",
            rich_help_panel=SEARCH,
        ),
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Judge attacks in full on this many rows of a half, chosen at random. The default is all rows.",
            rich_help_panel=SEARCH,
        ),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="A storage of Optuna's, such as sqlite:///tune.db, that workers on several machines share.",
            rich_help_panel=SEARCH,
        ),
    ] = None,
    jobs: Annotated[
        int,
        typer.Option(
            help="How many settings are judged at the same time; -1 for one on each core.", rich_help_panel=SEARCH
        ),
    ] = -1,
    seed: Annotated[int, typer.Option(help="Of the search.", rich_help_panel=SEARCH)] = 0,
    logits: options.Logits = None,
    arch: options.Arch = None,
    example: options.Example = None,
    inputs: options.Inputs = None,
    allow_pickle: options.AllowPickle = False,
    provider: options.RunsOn = None,
    tf32: options.TF32 = False,
    json: options.Json = None,
    html: options.Html = None,
    model_card: options.ModelCard = None,
    ml_bom: options.MlBom = None,
) -> None:
    """Find the parameters of a defence for a model, and say whether it buys anything.

    Settings are searched on one half of the rows with cheap attacks on logits; finalists are exported and attacked in
    full; the final figures come from the other half. Files and answers are kept beside the report.
    """
    options.check_writable(json, html, model_card, ml_bom, read=(plain, data, example))
    source_options = options.source_options(logits, arch, example, inputs, allow_pickle)

    from dynanoise_export.attacks.budgets import DEFAULT_BUDGET
    from dynanoise_export.reports.documents import write_document
    from dynanoise_export.reports.summaries.tune_summary import tune_summary
    from dynanoise_export.reports.tune_document import tune_document
    from dynanoise_export.reports.tune_terminal import print_tuning
    from dynanoise_export.tuning.tuning_model import DEFAULT_FINALISTS, DEFAULT_TRIALS
    from dynanoise_export.tuning.tuning_model import tune as find

    if html is not None:
        from dynanoise_export.reports.html.rendering import require_report
        from dynanoise_export.reports.html.tune_page import write_tune_html

        require_report()
    require_summaries(model_card, ml_bom)
    report_file = next((path for path in (html, json) if path is not None and str(path) != "-"), None)
    with progress_bar() as progress:
        report = find(
            plain,
            data,
            shadows=shadows,
            defence=defence,
            objective=objective,
            budget=DEFAULT_BUDGET if budget is None else budget,
            domain=domain,
            max_accuracy_drop=max_accuracy_drop,
            keep_label=keep_label,
            variants=_variants(plain, data, noise, grids, guard, guard_data, source_options),
            trials=DEFAULT_TRIALS if trials is None else trials,
            finalists=DEFAULT_FINALISTS if finalists is None else finalists,
            sample=sample,
            seed=seed,
            jobs=jobs,
            storage=storage,
            work=None if report_file is None else report_file.with_name(f"{report_file.stem}.tuning"),
            source_options=source_options,
            provider=provider,
            tf32=tf32,
            progress=progress,
        )
    print_tuning(report, console_beside(json))
    if json is not None:
        write_document(tune_document(report), json)
    if html is not None:
        write_tune_html(report, html)
    write_summaries(tune_summary(report), model_card, ml_bom)


def _variants(
    plain: Path,
    data: Path,
    noise: list[NoiseSource] | None,
    grids: list[str] | None,
    guards: list[GuardKind] | None,
    guard_data: str | None,
    source_options: "SourceOptions",
) -> list["Variant"]:
    """Make every combination of a noise source with its grids, and of a guard; none if nothing is given."""
    if not (noise or grids or guards):
        return []
    from dynanoise_export.guarding import fit_guard
    from dynanoise_export.tuning.settings import Variant

    sets = [_widths(text) for text in grids or ()] or [()]
    drawn: list[tuple[NoiseSource, tuple[float, ...]]] = []
    for source in noise or [NoiseSource.KEYED]:
        drawn += [(source, widths) for widths in (sets if source is NoiseSource.KEYED else [()])]
    where = options.rows_or_range(guard_data) if guard_data is not None else data
    made: list[Variant] = []
    for (source, widths), kind in product(drawn, [None, *(guards or ())]):
        fitted = None if kind is None else fit_guard(plain, kind, data=where, source_options=source_options)
        told = () if kind is None else ("--guard", kind.value, "--guard-data", guard_data or str(data))
        made.append(Variant(source, widths, fitted, told))
    return made


def _widths(text: str) -> tuple[float, ...]:
    try:
        return tuple(map(float, text.split(",")))
    except ValueError as error:
        raise UsageError(f"--grids {text} is not a list of numbers, as in 0.5,1.") from error
