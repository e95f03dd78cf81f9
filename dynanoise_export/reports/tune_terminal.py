"""A tuning on a terminal: the answer, the command to paste, and the figures."""

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table

from dynanoise_export.reports.terminal import words
from dynanoise_export.reports.tune_wording import answer, conditions, export_command, final_rows, reason
from dynanoise_export.tuning.tune_report import TuneReport, Verdict

COLOURS = {Verdict.HELPS: "green", Verdict.BUYS_NOTHING: "yellow", Verdict.NOTHING_WITHIN_LIMIT: "yellow"}


def print_tuning(report: TuneReport, console: Console) -> None:
    """Print what a tuning found."""
    console.print(f"[bold {COLOURS[report.verdict]}]{words(answer(report))}[/]")
    if report.recommended is not None:
        console.print()
        if report.verdict is not Verdict.HELPS:
            console.print("Its best setting all the same:", style="dim")
        console.print(words(export_command(report, report.recommended)), soft_wrap=True)
    console.print()
    console.print(_table(report))
    console.print()
    console.print(words(reason(report)))
    for condition in conditions(report):
        console.print(words(f"{condition[:1].upper()}{condition[1:]}."), style="dim")


def _table(report: TuneReport) -> Table:
    figures = ("accuracy", "NLL", "calibration")
    table = Table(
        "held-out rows", Column("setting", overflow="fold"), Column(str(report.options.objective), justify="right"),
        *(Column(name, justify="right") for name in figures), "strongest attack",
        box=SIMPLE, show_edge=False, pad_edge=False,
    )  # fmt: skip
    for row in final_rows(report):
        table.add_row(
            row.name, words(row.setting), str(row.risk), f"{row.accuracy:.3f}",
            f"{row.negative_log_likelihood:.3f}", f"{row.calibration_error:.3f}", words(row.attacker),
        )  # fmt: skip
    return table
