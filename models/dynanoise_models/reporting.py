"""What `dynanoise-models` tells: tables for people, and the same as JSON."""

from typing import Any

import numpy as np
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from dynanoise_export import __version__
from dynanoise_export.shadow_stores import SCHEMA as SHADOWS
from dynanoise_models.checkpoints import FORMAT
from dynanoise_models.making import Trained
from dynanoise_models.shadows.making import Shadows
from dynanoise_models.targets import TARGETS, TargetRecord

Document = dict[str, Any]


def print_targets(console: Console) -> None:
    """Show the targets."""
    numbers = [Column(name, justify="right") for name in ("weights", "classes", "epochs")]
    table = Table(Column("target", no_wrap=True), "data", "takes", *numbers, "accuracy", box=SIMPLE, pad_edge=False)
    for name, record in TARGETS.items():
        numbers_told = (_rounded(_size(record)), str(record.classes), str(record.settings.epochs))
        table.add_row(name, record.data, _shape(record), *numbers_told, record.expected)
    console.print(table)
    console.print("The accuracy is that on rows of the balanced protocol that the target was not trained on.")


def targets_document() -> Document:
    """Tell the targets."""
    return {
        "schema": "dynanoise-models/list/1",
        "targets": [
            {"name": name, "data": record.data, "inputs": list(map(str, record.inputs)), "classes": record.classes,
             "parameters": _size(record), "settings": record.settings.as_dict(), "expected_accuracy": record.expected}
            for name, record in TARGETS.items()
        ],
    }  # fmt: skip


def print_trained(trained: Trained, console: Console) -> None:
    """Show what `train` made."""
    rows = [
        ("made", str(trained.checkpoint)),
        ("bundle", f"{trained.bundle} ({', '.join(f'{n:,} {part}' for part, n in trained.counts.items())})"),
        *((f"accuracy on {part}", f"{value:.4f}") for part, value in trained.accuracy.items()),
        ("epochs", f"{trained.epochs:g} of {trained.settings.epochs}"),
        ("took", f"{trained.seconds:.1f} s on {trained.device}"),
        ("defend it", f"dynanoise-export {trained.checkpoint} -o {trained.checkpoint.with_suffix('.onnx')}"),
    ]
    if not trained.complete:
        rows.append(
            ("stopped", "the training was ended early; the same command goes on with the last epoch that was saved")
        )
    _print(rows, console)


def trained_document(trained: Trained) -> Document:
    """Tell what `train` made."""
    return {
        "schema": "dynanoise-models/train/1",
        "tool": {"dynanoise-export": __version__},
        "passed": trained.complete,
        "target": trained.target,
        "checkpoint": {"path": str(trained.checkpoint), "format": FORMAT},
        "bundle": str(trained.bundle),
        "rows": trained.counts,
        "settings": trained.settings.as_dict(),
        "epochs": trained.epochs,
        "accuracy": trained.accuracy,
        "seconds": trained.seconds,
        "device": trained.device,
    }


def print_shadows(made: Shadows, console: Console) -> None:
    """Show what `shadows` made."""
    kept, others = _mean_accuracies(made)
    _print(
        [
            ("made", f"{made.path} ({made.record['count']} models, {made.trained} of them now)"),
            ("bundle", f"{made.bundle} ({made.record['rows']:,} rows)"),
            ("accuracy", f"{kept:.4f} on the rows that a model kept, {others:.4f} on the others, on average"),
        ],
        console,
    )


def shadows_document(made: Shadows) -> Document:
    """Tell what `shadows` made."""
    return {
        "schema": "dynanoise-models/shadows/1",
        "tool": {"dynanoise-export": __version__},
        "passed": True,
        "store": {"path": str(made.path), "schema": SHADOWS},
        "bundle": str(made.bundle),
        "trained": made.trained,
        "record": made.record,
    }


def _mean_accuracies(made: Shadows) -> tuple[float, float]:
    models = made.record["models"].values()
    kept, others = (np.mean([told[name] for told in models]) for name in ("accuracy_kept", "accuracy_others"))
    return float(kept), float(others)


def _size(record: TargetRecord) -> int:
    """Count the parameters without making room for them."""
    import torch

    with torch.device("meta"):
        return sum(weight.numel() for weight in record.make().parameters())


def _shape(record: TargetRecord) -> str:
    return "text" if record.encoder else "×".join(map(str, record.inputs[0].shape[1:]))


def _rounded(count: int) -> str:
    return f"{count / 1e6:.1f} M" if count >= 1e6 else f"{count / 1e3:.0f} k"


def _print(rows: list[tuple[str, str]], console: Console) -> None:
    table = Table.grid(padding=(0, 2))
    for name, value in rows:
        table.add_row(f"[bold]{name}[/]", escape(value))
    console.print(table)
