"""What the commands `list` and `train` print on a terminal."""

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table

from dynanoise_export.reports.terminal import Row, pasted, print_rows
from dynanoise_models.targets import TARGETS, Target
from dynanoise_models.train_target import Trained
from dynanoise_models.training_defences.described_defences import describe_defences
from dynanoise_models.training_documents import parameter_count


def print_targets(console: Console) -> None:
    """Print all targets."""
    counts = [Column(name, justify="right") for name in ("weights", "classes", "epochs")]
    table = Table(Column("target", no_wrap=True), "data", "input", *counts, "accuracy", box=SIMPLE, pad_edge=False)
    for name, target in TARGETS.items():
        numbers = (_rounded(parameter_count(target)), str(target.classes), str(target.settings.epochs))
        table.add_row(name, target.data, _shape(target), *numbers, target.expected)
    console.print(table)
    console.print("The accuracy is for rows of the balanced protocol that the target was not trained on.")


def print_defences(console: Console) -> None:
    """Print all defences at training time, with their parameters."""
    table = Table(Column("defence", no_wrap=True), "parameters", "what it does", box=SIMPLE, pad_edge=False)
    for defence in describe_defences():
        parameters = ", ".join(f"{name}={value:g}" for name, value in defence.parameters.items())
        table.add_row(defence.name, parameters, defence.summary)
    console.print(table)
    console.print("`--defence` trains with one of them, and `--parameter NAME=VALUE` changes one of its parameters.")


def print_trained(trained: Trained, console: Console) -> None:
    """Print what `train` made."""
    rows: list[Row] = [
        ("written", str(trained.checkpoint)),
        ("bundle", f"{trained.bundle} ({', '.join(f'{n:,} {part}' for part, n in trained.counts.items())})"),
        *((f"accuracy on {part}", f"{value:.4f}") for part, value in trained.accuracy.items()),
        *((name.replace("_", " "), f"{value:.4g}") for name, value in trained.facts.items()),
        ("epochs", f"{trained.epochs:g} of {trained.settings.epochs}"),
        ("time", f"{trained.seconds:.1f} s on {trained.device}"),
        ("next step", pasted("dynanoise-export", trained.checkpoint, "-o", trained.checkpoint.with_suffix(".onnx"))),
    ]
    if trained.canaries:
        rows.insert(2, ("canaries", f"{trained.canaries:,} rows with a wrong label, half of them members"))
    if not trained.complete:
        rows.append(("stopped", "the training ended early; the same command goes on from the last saved epoch"))
    print_rows(rows, console)


def _shape(target: Target) -> str:
    return "text" if target.encoder else "×".join(map(str, target.inputs[0].shape[1:]))


def _rounded(count: int) -> str:
    return f"{count / 1e6:.1f} M" if count >= 1e6 else f"{count / 1e3:.0f} k"
