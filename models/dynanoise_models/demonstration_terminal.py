"""The demonstration on a terminal."""

from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table

from dynanoise_export.reports.attack_terminal import print_attack
from dynanoise_export.reports.bench_terminal import print_bench
from dynanoise_export.reports.export_terminal import print_exported
from dynanoise_export.reports.terminal import Row, pasted, print_rows, words
from dynanoise_export.reports.validate_terminal import mark, print_verdict
from dynanoise_models.demonstration import Demonstration


def print_demonstration(shown: Demonstration, page: Path, console: Console) -> None:
    """Print what the demonstration made, how the model answers with and without its defence, and what attacks get.

    Args:
        shown: the demonstration.
        page: the path of the attack report.
        console: to print to.
    """
    console.print("\n[bold]1. An overfitted model, and its defended file[/]")
    print_exported(shown.exported, console)

    console.print("\n[bold]2. Is the file what it states?[/]")
    print_verdict(shown.validation, console)
    for check in shown.validation.checks:
        if not check.passed:
            console.print(f"{mark(check)}  {check.name}: {words(check.detail)}")

    console.print("\n[bold]3. Accuracy with and without the defence[/]")
    console.print(_accuracies(shown))

    console.print("[bold]4. Several queries with the same member[/]")
    console.print(_answers(shown))

    console.print("[bold]5. What attacks get out of the file[/]")
    print_attack(shown.attack, console)

    console.print("\n[bold]6. What the defence costs[/]")
    print_bench(shown.bench, console)

    console.print("\n[bold]7. The files, and what to do next[/]")
    print_rows(_files(shown, page), console)
    console.print(f"\n[bold]The report[/] on what attacks get, to open in a browser: {words(str(page))}")


def _accuracies(shown: Demonstration) -> Table:
    table = Table("", Column("members", justify="right"), Column("non-members", justify="right"), box=SIMPLE)
    for name, utility in (
        ("without the defence", shown.attack.plain_utility),
        ("with the defence", shown.attack.utility),
    ):
        if utility is not None:
            table.add_row(name, f"{utility.accuracy_on_members.value:.3f}", f"{utility.accuracy.value:.3f}")
    return table


def _answers(shown: Demonstration) -> Table:
    queries = [Column(f"defended, {number}", justify="right") for number in range(1, len(shown.defended) + 1)]
    table = Table("digit", Column("undefended", justify="right"), *queries, box=SIMPLE)
    for digit, plain in enumerate(shown.plain):
        table.add_row(str(digit), f"{plain:.3f}", *(f"{p:.3f}" for p in shown.defended[:, digit]))
    return table


def _files(shown: Demonstration, page: Path) -> list[Row]:
    file, audit = shown.exported.path, ("--reference", shown.checkpoint, "--data", shown.bundle)
    return [
        ("model", str(shown.checkpoint)),
        ("members and non-members", str(shown.bundle)),
        ("shadow models", str(shown.shadows)),
        ("defended file", str(file)),
        ("what validate found", str(page.with_name("validation.html"))),
        ("times", str(page.with_name("bench.html"))),
        ("inspect it", pasted("dynanoise-export", "inspect", file)),
        ("validate it", pasted("dynanoise-export", "validate", file, *audit)),
        ("attack it", pasted("dynanoise-export", "attack", file, *audit, "--shadows", shown.shadows)),
        ("time it", pasted("dynanoise-export", "bench", file)),
        ("serve it", pasted("dynanoise-export", "triton", file, "--repository", "models")),
    ]
