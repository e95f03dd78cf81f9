"""The demonstration on a terminal."""

from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from dynanoise_export.reports.attack_terminal import print_attack
from dynanoise_export.reports.bench_terminal import print_bench
from dynanoise_export.reports.terminal import Row, mark, print_exported, print_rows, print_verdict
from dynanoise_models.demonstration import Demonstration


def print_demonstration(shown: Demonstration, page: Path, console: Console) -> None:
    """Show what the demonstration made, what the model answers with and without the defence, and what attacks get."""
    console.print("\n[bold]1. A model that knows its training data by heart, and its defended file[/]")
    print_exported(shown.exported, console)

    console.print("\n[bold]2. Is it what it is said to be[/]")
    print_verdict(shown.validation, console)
    for check in shown.validation.checks:
        if not check.passed:
            console.print(f"{mark(check)}  {check.name}: {escape(check.detail)}")

    console.print("\n[bold]3. Accuracy, plain and defended[/]")
    accuracies = Table("", Column("members", justify="right"), Column("non-members", justify="right"), box=SIMPLE)
    for name, worth in (
        ("without the defence", shown.attack.plain_utility),
        ("with the defence", shown.attack.utility),
    ):
        if worth is not None:
            accuracies.add_row(name, f"{worth.accuracy_on_members.value:.3f}", f"{worth.accuracy.value:.3f}")
    console.print(accuracies)

    console.print("[bold]4. The same member, asked again and again[/]")
    asked = [Column(f"defended, {turn}", justify="right") for turn in range(1, len(shown.defended) + 1)]
    answers = Table("digit", Column("without", justify="right"), *asked, box=SIMPLE)
    for digit, plain in enumerate(shown.plain):
        answers.add_row(str(digit), f"{plain:.3f}", *(f"{p:.3f}" for p in shown.defended[:, digit]))
    console.print(answers)

    console.print("[bold]5. What attacks get out of the file[/]")
    print_attack(shown.attack, console)

    console.print("\n[bold]6. What the defence costs[/]")
    print_bench(shown.bench, console)

    console.print("\n[bold]7. Where it lies[/]")
    print_rows(_files(shown, page), console)


def _files(shown: Demonstration, page: Path) -> list[Row]:
    file, audit = shown.exported.path, f"--reference {shown.checkpoint} --data {shown.bundle}"
    return [
        ("the model", str(shown.checkpoint)),
        ("members and non-members", str(shown.bundle)),
        ("shadow models", str(shown.shadows)),
        ("the defended file", str(file)),
        ("the attack report", str(page)),
        ("the times", str(page.with_name("bench.html"))),
        ("look into it", f"dynanoise-export inspect {file}"),
        ("validate it", f"dynanoise-export validate {file} {audit}"),
        ("attack it", f"dynanoise-export attack {file} {audit} --shadows {shown.shadows}"),
        ("time it", f"dynanoise-export bench {file}"),
        ("serve it", f"dynanoise-export triton {file} --repository models"),
    ]
