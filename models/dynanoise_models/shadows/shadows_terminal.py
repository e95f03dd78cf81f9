"""What `shadows` prints on a terminal."""

from rich.console import Console

from dynanoise_export.reports.terminal import print_rows
from dynanoise_export.shadow_stores import MODELS
from dynanoise_models.shadows.make_shadows import Shadows
from dynanoise_models.shadows.shadows_document import mean_accuracies


def print_shadows(shadows: Shadows, console: Console) -> None:
    """Print what `shadows` made."""
    own, others = mean_accuracies(shadows)
    rows = [
        ("written", f"{shadows.path} ({shadows.record['count']} models, {shadows.trained} new)"),
        ("models", f"{shadows.path / MODELS}" if shadows.models else "not kept, only their answers"),
        ("bundle", f"{shadows.bundle} ({shadows.record['rows']:,} rows)"),
        ("mean accuracy", f"{own:.4f} on the rows in a model's training set, {others:.4f} on the others"),
    ]
    print_rows(rows, console)
