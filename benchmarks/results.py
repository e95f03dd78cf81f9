"""Attack the papers' models, without the defence and with DynaNoise at the paper's settings, and write docs/results.md.

    DYNANOISE_DATA=… python benchmarks/results.py --work DIR [TARGET ...]

What is missing in DIR is made first: each target, its shadow models, its defended file, and the answers to the
attacker's queries. What is there is taken as it is, and a run that was cut off goes on. The tables between the two
marks of docs/results.md are replaced by those of all targets that DIR holds.
"""

import argparse
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from dynanoise_export.attacks.attacking_model import AttackReport, Options, attack
from dynanoise_export.attacks.results import Result
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.exporting import export
from dynanoise_export.parameters import Parameters
from dynanoise_export.reports.attack_document import attack_document
from dynanoise_export.reports.attack_grid import Column, Grid, grid, midput_rows
from dynanoise_export.reports.documents import write_document
from dynanoise_export.reports.html.attack_page import write_html
from dynanoise_models.experiments import Choices
from dynanoise_models.making import train_target
from dynanoise_models.protocols import Protocol
from dynanoise_models.shadows.making import make_shadows

DOCUMENT = Path(__file__).parents[1] / "docs" / "results.md"
BEGIN, END = "<!-- tables: made by benchmarks/results.py -->", "<!-- end of the tables -->"
WEIGHTS = "resnet_cifar10/resnet20-12fca82f.th"


@dataclass(frozen=True)
class Run:
    """What is made of a target.

    Attributes:
        target: its name.
        shadows: how many shadow models; 0 for none.
        queries: how often each row is asked.
        rows: of the data set, as far as two cores get in an hour or two; None for all.
        published: the weights that somebody else trained, in the folder of the data.
    """

    target: str
    shadows: int = 0
    queries: tuple[int, ...] = (1, 16, 256)
    rows: int | None = None
    published: str | None = None

    def choices(self) -> Choices:
        """Give them in the form that trainings take."""
        if self.published is None:
            return Choices(rows=self.rows)
        weights = Path(os.environ["DYNANOISE_DATA"]) / self.published
        return Choices(protocol=Protocol.PUBLISHED, epochs=0, start_from=str(weights))


RUNS = {
    run.target: run
    for run in (
        Run("mlp-location30", shadows=64),
        Run("alexnet-cifar10", shadows=16, rows=20_000),
        Run("digits-mlp", shadows=32),
        Run("resnet20-cifar10", queries=(1, 16), published=WEIGHTS),
        Run("alexnet-imagenet10", queries=(1, 16)),
        Run("minilm-sst2", queries=(1, 16), rows=20_000),
    )
}


@dataclass
class Reader:
    """Says on one line how far a long step is, and no more often than it has to."""

    told: str = field(default="")

    def __call__(self, done: float, of: int, what: str = "") -> None:
        """Tell it in whole percents."""
        told = f"{what} {done / of:.0%}"
        if told != self.told:
            self.told = told
            print(f"\r  {told:40}", end="", flush=True)


def main() -> None:
    """Make what is missing and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", default=list(RUNS), metavar="TARGET")
    parser.add_argument("--work", type=Path, required=True)
    arguments = parser.parse_args()
    for target in arguments.targets:
        report = attacked(RUNS[target], arguments.work / target)
        (arguments.work / target / "tables.md").write_text(section(RUNS[target], report), encoding="utf-8")
    sections = [(arguments.work / target / "tables.md") for target in RUNS]
    tables = "\n".join(path.read_text(encoding="utf-8") for path in sections if path.exists())
    text = DOCUMENT.read_text(encoding="utf-8")
    pattern = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    DOCUMENT.write_text(pattern.sub(lambda _: f"{BEGIN}\n\n{tables}\n{END}", text), encoding="utf-8")


def attacked(run: Run, folder: Path) -> AttackReport:
    """Attack a target, and make before that what is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint, bundle, shadows, file = (folder / n for n in ("target.pt", "bundle", "shadows", "defended.onnx"))
    print(run.target)
    if not checkpoint.exists():
        train_target(run.target, checkpoint, bundle, run.choices(), print)
    if run.shadows:
        make_shadows(run.target, shadows, run.shadows, run.choices(), bundle, progress=Reader(), report=print)
    if not file.exists():
        export(checkpoint, file, DynaNoise(Parameters()))
    options = Options(queries=run.queries, cache=folder / "report.observations")
    report = attack(file, bundle, shadows if run.shadows else None, checkpoint, options, print, Reader())
    write_document(attack_document(report), folder / "report.json")
    write_html(report, folder / "report.html")
    return report


def section(run: Run, report: AttackReport) -> str:
    """Write a target's section: its figures, the AUCs, and the left end of the ROC curves."""
    audit, cost, plain = report.audit, report.cost, report.plain_utility
    assert cost is not None
    assert plain is not None
    lost = cost.accuracy_lost
    shadows = f"{run.shadows} shadow models" if run.shadows else "no shadow models"
    rows = f"{audit.members:,} members and {audit.non_members:,} non-members, {shadows}, {report.asked} queries a row"
    worth = (
        f"Accuracy on non-members {plain.accuracy.value:.4f} without the defence, {report.utility.accuracy.value:.4f} "
        f"with it (lost {lost.value:.4f} [{lost.low:.4f}, {lost.high:.4f}]); "
        f"{cost.flips:.2%} of labels flipped; calibration error {plain.calibration_error:.3f} without, "
        f"{report.utility.calibration_error:.3f} with."
    )
    told = grid(report)
    widest = max(result.auc.high - result.auc.low for result in (*report.without, *report.results)) / 2
    parts = [
        f"### `{run.target}`\n\n{rows}. {worth}\n",
        f"AUC, ± {widest:.3f} at most (95%):\n\n{table(told, lambda result: f'{result.auc.value:.3f}')}",
    ]
    for fpr in (0.01, 0.001):
        if report.worst.tpr[fpr] is not None:
            parts.append(f"TPR at {100 * fpr:g}% FPR:\n\n{table(ranking(told), partial(rate, fpr))}")
    parts.append(midput(report, told.columns))
    warned = "\n".join(f"- {warning}" for warning in report.warnings)
    return "\n".join([*parts, f"What the report warns of:\n\n{warned}\n"])


def table(told: Grid, cell: Callable[[Result], str]) -> str:
    """Write a grid as Markdown."""
    lines = [row(["attack", *(column.short for column in told.columns)]), row(["---"] * (len(told.columns) + 1))]
    lines += [row([name, *("" if r is None else cell(r) for r in results)]) for name, results in told.rows.items()]
    return "\n".join(lines) + "\n"


def ranking(told: Grid) -> Grid:
    """Leave out the attacks that only say yes or no: they have no FPR but their own."""
    rows = told.rows.items()
    return Grid(
        told.columns, {name: cells for name, cells in rows if not any(r and r.attack.cut == 0.5 for r in cells)}
    )


def rate(fpr: float, result: Result) -> str:
    """Write the TPR at an FPR."""
    told = result.tpr[fpr]
    return "" if told is None else f"{told.value:.2%}"


def row(cells: list[str]) -> str:
    """Write a row of a table, whose cells may hold bars."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def midput(report: AttackReport, columns: list[Column]) -> str:
    """Write MIDPUT by attackers as Markdown."""
    rows = midput_rows(report, columns)
    told = [place for place, value in enumerate(rows["MIDPUT, second version"]) if value is not None]
    lines = [row(["", *(columns[place].short for place in told)]), row(["---"] * (len(told) + 1))]
    lines += [row([name, *(f"{values[place]:.3f}" for place in told)]) for name, values in rows.items()]
    return "\n".join(lines) + "\n" if told else ""


if __name__ == "__main__":
    main()
