"""A sweep on a terminal: a table for each parameter."""

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table

from dynanoise_export.reports.terminal import defence_text, words
from dynanoise_export.tuning.sweeping import SweepPoint, SweepReport

LEGEND = (
    "AUC of the strongest cheap attack on logits; naive: one answer, taken as it is; adaptive: knows the defence. "
    "attack shows what chosen queries add."
)


def print_sweep(report: SweepReport, console: Console) -> None:
    """Print accuracy and attacks against each parameter."""
    base = defence_text(report.base.defence, report.base.parameters)
    console.print(words(f"Around {base}{', labels kept' if report.base.keep_label else ''}:"))
    for name, points in report.sweeps.items():
        console.print()
        console.print(_table(name, points, report.undefended))
    console.print()
    console.print(words(LEGEND), style="dim")


def _table(name: str, points: tuple[SweepPoint, ...], undefended: SweepPoint) -> Table:
    names = list(points[0].attackers)
    columns = [Column(words(one), justify="right") for one in ("accuracy", "NLL", "calibration", *names)]
    table = Table(words(name), *columns, box=SIMPLE, show_edge=False, pad_edge=False)
    table.add_row("undefended", *_cells(undefended, names))
    for point in points:
        table.add_row(f"{point.value:g}", *_cells(point, names))
    return table


def _cells(point: SweepPoint, names: list[str]) -> list[str]:
    price = point.price
    figures = (price.accuracy, price.negative_log_likelihood, price.calibration_error)
    aucs = (point.attackers.get(name) for name in names)
    return [f"{figure:.3f}" for figure in figures] + ["" if one is None else f"{one.risk.value:.3f}" for one in aucs]
