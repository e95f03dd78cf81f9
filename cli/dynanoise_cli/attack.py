"""The command `attack`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from dynanoise_cli import options
from dynanoise_cli.console import console_beside, counted_progress
from dynanoise_cli.running import INTERRUPTED
from dynanoise_export.files import require_writable

EXCEEDED = 4
ATTACKER = "The attacker"
GATES = "Gates"


def attack(
    defended: options.Deployed,
    data: Annotated[Path, typer.Option(help="A bundle: rows with their labels and their membership.")],
    shadows: Annotated[
        Path | None,
        typer.Option(
            help="Shadow models of the bundle's rows, as dynanoise-models makes them.", rich_help_panel=ATTACKER
        ),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(help="The undefended model, in any format that export opens, to compare with."),
    ] = None,
    queries: Annotated[
        list[int] | None,
        typer.Option(
            min=1,
            help="How often the attacker asks each row, and averages the answers; once for each attacker. "
            "1, 16 and 256 by default.",
            rich_help_panel=ATTACKER,
        ),
    ] = None,
    max_auc: Annotated[
        float | None, typer.Option(help="The AUC that no attack's interval may exceed.", rich_help_panel=GATES)
    ] = None,
    max_tpr: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TPR@FPR",
            help="The TPR at an FPR that no attack's interval may exceed, as in 0.01@0.001.",
            rich_help_panel=GATES,
        ),
    ] = None,
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
    html: Annotated[Path | None, typer.Option(help="Tell it as a page, all in this one file.")] = None,
) -> None:
    """Attack a deployed model, defended or not, and tell what membership-inference attacks get out of it.

    The answers are kept beside the report, so that a second run does not ask again. Exit status 4 tells that a gate
    was exceeded.
    """
    given = options.given_parameters(sigma0, base_variance, lambda_, temperature)
    for path in (json, html):
        if path is not None:
            require_writable(path)

    from dynanoise_export.attacks.attacking_model import QUERIES, Options
    from dynanoise_export.attacks.attacking_model import attack as carry_out
    from dynanoise_export.attacks.gates import gates
    from dynanoise_export.reports.attack_document import attack_document
    from dynanoise_export.reports.attack_terminal import print_attack
    from dynanoise_export.reports.documents import write_document

    if html is not None:
        from dynanoise_export.reports.html.attack_page import write_html
        from dynanoise_export.reports.html.rendering import require_report

        require_report()
    chosen = Options(
        queries=queries or QUERIES,
        given=given,
        opening=options.opening(logits, arch, example, inputs, allow_pickle),
        gates=gates(max_auc, max_tpr or []),
        cache=_beside(html, json),
        provider=provider,
    )
    try:
        with counted_progress() as (step, progress):
            report = carry_out(
                defended,
                data,
                shadows,
                reference,
                chosen,
                step,
                lambda sent, of, what: progress(sent, of, f"queries, {what}"),
            )
    except KeyboardInterrupt:
        kept = "" if chosen.cache is None else f"; the same command goes on with the answers in {chosen.cache}"
        print(f"Stopped{kept}.", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    print_attack(report, console_beside(json))
    if json is not None:
        write_document(attack_document(report), json)
    if html is not None:
        write_html(report, html)
    if report.exceeded:
        raise typer.Exit(EXCEEDED)


def _beside(*reports: Path | None) -> Path | None:
    """Choose the folder for the answers: beside the first report that is a file."""
    for report in reports:
        if report is not None and str(report) != "-":
            return report.with_name(f"{report.stem}.observations")
    return None
