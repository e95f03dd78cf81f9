"""The command `attack`."""

from pathlib import Path
from typing import Annotated

import typer

from dynanoise_cli import options
from dynanoise_cli.console import console_beside, progress_bar, say
from dynanoise_cli.running import INTERRUPTED
from dynanoise_cli.summaries import require_summaries, write_summaries
from dynanoise_export.errors import UsageError

EXCEEDED = 4
ATTACKER = "Attacker"
GATES = "Gates"


def attack(
    defended: options.Deployed,
    data: Annotated[Path, typer.Option(help="A bundle: rows with their labels and their membership.")],
    shadows: Annotated[
        Path | None,
        typer.Option(
            help="A store of shadow models for the rows of the bundle, as dynanoise-models makes it.",
            rich_help_panel=ATTACKER,
        ),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(help="The undefended model to compare with, in any format that export opens."),
    ] = None,
    budget: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="The most queries for each row of any attacker. The default is 64. Gates hold for this budget.",
            rich_help_panel=ATTACKER,
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Ask once for each row: short for --budget 1.", rich_help_panel=ATTACKER)
    ] = False,
    domain: Annotated[
        str,
        typer.Option(
            metavar="any|box|binary|image|tokens",
            help="Which inputs attackers may send. With any, the report tells attackers who stay inside the domain of "
            "the rows from the others. Gates hold for this domain.",
            rich_help_panel=ATTACKER,
        ),
    ] = "any",
    queries: Annotated[
        list[int] | None,
        typer.Option(
            min=1,
            help="How many times an attacker sends each row itself before averaging the answers. Give it once for each "
            "attacker. The default is 1, 16 and so on up to the budget.",
            rich_help_panel=ATTACKER,
        ),
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PLAN",
            help="A query plan that runs only on demand, such as generator-prediction. Give it once for each plan.",
            rich_help_panel=ATTACKER,
        ),
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(metavar="N", help="Judge on this many rows, chosen at random. The default is all rows."),
    ] = None,
    max_auc: Annotated[
        float | None,
        typer.Option(help="Fail if the interval of an attack's AUC exceeds this.", rich_help_panel=GATES),
    ] = None,
    max_tpr: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TPR@FPR",
            help="Fail if the interval of an attack's TPR at this FPR exceeds the TPR, as in 0.01@0.001.",
            rich_help_panel=GATES,
        ),
    ] = None,
    require_shadows: Annotated[
        bool,
        typer.Option(
            "--require-shadows",
            help="Refuse to attack without the shadow models that the strongest attacks need.",
            rich_help_panel=GATES,
        ),
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Attack even if the model's accuracy on members is near chance, or far from what its "
            "reference or its shadow models have.",
        ),
    ] = False,
    rows: Annotated[
        Path | None,
        typer.Option(
            help="Write what the attacks say about each row to this file, .csv or .parquet, the most exposed members "
            "first."
        ),
    ] = None,
    defence: options.OtherDefence = None,
    parameter: options.Parameters = None,
    sigma0: options.Sigma0 = None,
    base_variance: options.BaseVariance = None,
    lambda_: options.Lambda = None,
    temperature: options.Temperature = None,
    logits: options.Logits = None,
    arch: options.Arch = None,
    example: options.Example = None,
    inputs: options.Inputs = None,
    allow_pickle: options.AllowPickle = False,
    json: options.Json = None,
    provider: options.RunsOn = None,
    tf32: options.TF32 = False,
    operators: options.Operators = False,
    html: options.Html = None,
    junit: options.JUnit = None,
    model_card: options.ModelCard = None,
    ml_bom: options.MlBom = None,
) -> None:
    """Attack a deployed model, defended or not, and report what membership-inference attacks achieve.

    The answers are cached beside the report, so that a second run sends no query again.
    Exit status 4 means that a gate was exceeded, or is too near to call.
    """
    given = options.parameters(parameter, sigma0, base_variance, lambda_, temperature)
    if quick and budget is not None:
        raise UsageError("--quick is short for --budget 1: give one of the two.")
    options.check_writable(json, html, rows, junit, model_card, ml_bom, read=(defended, data, reference, example))

    from dynanoise_export.attacks.attacking_model import attack as run_attacks
    from dynanoise_export.attacks.budgets import DEFAULT_BUDGET
    from dynanoise_export.reports.attack_document import attack_document
    from dynanoise_export.reports.attack_rows import require_rows_format, write_rows
    from dynanoise_export.reports.attack_terminal import print_attack
    from dynanoise_export.reports.documents import write_document
    from dynanoise_export.reports.junit import write_gates_junit
    from dynanoise_export.reports.summaries.attack_summary import attack_summary

    if html is not None:
        from dynanoise_export.reports.html.attack_page import write_html
        from dynanoise_export.reports.html.rendering import require_report

        require_report()
    if rows is not None:
        require_rows_format(rows)
    require_summaries(model_card, ml_bom)
    cache = _cache_beside(html, json)
    try:
        with progress_bar() as progress:
            report = run_attacks(
                defended,
                data,
                shadows=shadows,
                reference=reference,
                budget=1 if quick else budget if budget is not None else DEFAULT_BUDGET,
                domain=domain,
                queries=queries,
                also=also or (),
                sample=sample,
                defence=options.other_defence(defended, defence, given),
                source_options=options.source_options(logits, arch, example, inputs, allow_pickle),
                max_auc=max_auc,
                max_tpr=max_tpr or (),
                require_shadows=require_shadows,
                force=force,
                cache=cache,
                provider=provider,
                tf32=tf32,
                operators=operators,
                progress=progress,
            )
    except KeyboardInterrupt:
        cached = "" if cache is None else f"; the same command continues with the answers in {cache}"
        say(f"Stopped{cached}.")
        raise typer.Exit(INTERRUPTED) from None
    print_attack(report, console_beside(json))
    if json is not None:
        write_document(attack_document(report), json)
    if html is not None:
        write_html(report, html)
    if rows is not None:
        write_rows(report, rows)
    if junit is not None:
        write_gates_junit(report, junit)
    write_summaries(attack_summary(report), model_card, ml_bom)
    if report.gates_exceeded:
        raise typer.Exit(EXCEEDED)


def _cache_beside(*reports: Path | None) -> Path | None:
    """Choose the folder for the answers: beside the first report that is a file."""
    for report in reports:
        if report is not None and str(report) != "-":
            return report.with_name(f"{report.stem}.responses")
    return None
