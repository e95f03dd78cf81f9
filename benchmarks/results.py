"""Attack the papers' models, without the defence and with DynaNoise at the paper's settings, and write docs/results.md.

    DYNANOISE_DATA=… python benchmarks/results.py --work DIR [TARGET ...]

Files that are missing in DIR are made first: each target, its shadow models, its defended file, and the answers to the
attacker's queries. Files that exist are used as they are, so an interrupted run goes on. The tables between the two
marks of docs/results.md are replaced by those of all targets in DIR.
"""

import argparse
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dynanoise_export.attacks.attack_report import AttackReport
from dynanoise_export.attacks.attacking_model import attack
from dynanoise_export.attacks.results import Result
from dynanoise_export.exporting import export
from dynanoise_export.reports.attack_document import attack_document
from dynanoise_export.reports.attack_grid import Column, Grid, grid, midput_rows
from dynanoise_export.reports.documents import write_document
from dynanoise_export.reports.html.attack_page import write_html
from dynanoise_export.types import Step
from dynanoise_models.experiments import ExperimentOptions
from dynanoise_models.protocols import Protocol
from dynanoise_models.shadows.make_shadows import make_shadows
from dynanoise_models.train_target import train_target

DOCUMENT = Path(__file__).parents[1] / "docs" / "results.md"
BEGIN, END = "<!-- tables: made by benchmarks/results.py -->", "<!-- end of the tables -->"
WEIGHTS = "resnet_cifar10/resnet20-12fca82f.th"


@dataclass(frozen=True)
class Run:
    """How a target is trained and attacked.

    Attributes:
        target: its name.
        shadows: the number of shadow models; 0 for none.
        queries: how often each row is sent, a number for each attacker.
        rows: of the data set, as many as two cores can train on in an hour or two; None for all.
        published: the path of published weights in the folder of the data; None to train.
    """

    target: str
    shadows: int = 0
    queries: tuple[int, ...] = (1, 16, 256)
    rows: int | None = None
    published: str | None = None

    def options(self) -> ExperimentOptions:
        """Give the options of its training."""
        if self.published is None:
            return ExperimentOptions(rows=self.rows)
        weights = Path(os.environ["DYNANOISE_DATA"]) / self.published
        return ExperimentOptions(protocol=Protocol.PUBLISHED, epochs=0, start_from=str(weights))


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
class Printed:
    """Prints progress on one line, each percent once."""

    last: str = ""

    def __call__(self, step: Step) -> None:
        """Print a step, with whole percents if it can be counted."""
        line = f"{step.what} {step.done / step.total:.0%}" if step.total else step.what
        if line != self.last:
            self.last = line
            print(f"\r  {line:60}", end="", flush=True)


def main() -> None:
    """Make the missing files and write the tables."""
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
    """Make the missing files of a target, and attack it."""
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint, bundle, shadows, file = (folder / n for n in ("target.pt", "bundle", "shadows", "defended.onnx"))
    print(run.target)
    progress = Printed()
    if not checkpoint.exists():
        train_target(run.target, checkpoint, bundle, options=run.options(), progress=progress)
    if run.shadows:
        options = run.options()
        make_shadows(
            run.target, shadows, run.shadows, bundle=bundle, options=options, warn=print, progress=progress
        )  # fmt: skip
    if not file.exists():
        export(checkpoint, file)
    report = attack(
        file,
        bundle,
        shadows=shadows if run.shadows else None,
        reference=checkpoint,
        queries=run.queries,
        cache=folder / "report.responses",
        progress=progress,
    )
    print()
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
    rows = (
        f"{audit.members:,} members and {audit.non_members:,} non-members, {shadows}, "
        f"{report.queries_per_row} queries per row"
    )
    figures = (
        f"Accuracy on non-members {plain.accuracy.value:.4f} without the defence, {report.utility.accuracy.value:.4f} "
        f"with it (lost {lost.value:.4f} [{lost.low:.4f}, {lost.high:.4f}]); "
        f"{cost.flips:.2%} of labels flipped; calibration error {plain.calibration_error:.3f} without, "
        f"{report.utility.calibration_error:.3f} with."
    )
    arranged = grid(report)
    widest = max(result.auc.high - result.auc.low for result in (*report.without, *report.results)) / 2
    parts = [
        f"### `{run.target}`\n\n{rows}. {figures}\n",
        f"AUC, ± {widest:.3f} at most (95%):\n\n{table(arranged, lambda result: f'{result.auc.value:.3f}')}",
    ]
    for fpr in (0.01, 0.001):
        if report.worst.tpr[fpr] is not None:
            parts.append(f"TPR at {100 * fpr:g}% FPR:\n\n{table(ranking(arranged), partial(rate, fpr))}")
    parts.append(midput(report, arranged.columns))
    warned = "\n".join(f"- {warning.text}" for warning in report.warnings)
    return "\n".join([*parts, f"Warnings of the report:\n\n{warned}\n"])


def table(arranged: Grid, cell: Callable[[Result], str]) -> str:
    """Write a grid as Markdown."""
    lines = [
        row(["attack", *(column.short for column in arranged.columns)]),
        row(["---"] * (len(arranged.columns) + 1)),
    ]
    lines += [row([name, *("" if r is None else cell(r) for r in results)]) for name, results in arranged.rows.items()]
    return "\n".join(lines) + "\n"


def ranking(arranged: Grid) -> Grid:
    """Leave out the attacks that only say "member" or "non-member": they have a single FPR."""
    return Grid(
        arranged.columns,
        {
            name: cells
            for name, cells in arranged.rows.items()
            if not any(r and r.attack.fixed_threshold == 0.5 for r in cells)
        },
    )


def rate(fpr: float, result: Result) -> str:
    """Write the TPR at an FPR."""
    tpr = result.tpr[fpr]
    return "" if tpr is None else f"{tpr.value:.2%}"


def row(cells: list[str]) -> str:
    """Write a row of a table; its cells may contain bars."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def midput(report: AttackReport, columns: list[Column]) -> str:
    """Write MIDPUT by attacker as Markdown."""
    rows = midput_rows(report, columns)
    shown = [place for place, value in enumerate(rows["MIDPUT, second version"]) if value is not None]
    lines = [row(["", *(columns[place].short for place in shown)]), row(["---"] * (len(shown) + 1))]
    lines += [row([name, *(f"{values[place]:.3f}" for place in shown)]) for name, values in rows.items()]
    return "\n".join(lines) + "\n" if shown else ""


if __name__ == "__main__":
    main()
