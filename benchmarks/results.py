"""Attack the papers' models: at the papers' setting, and at the strongest one that keeps labels; write docs/results.md.

    DYNANOISE_DATA=… python -m benchmarks.results --work DIR [TARGET ...]

Files that are missing in DIR are made first: each target, its shadow models, its defended files, and the answers to the
attackers' queries. Files that exist are used as they are, so an interrupted run goes on. The tables between the two
marks of docs/results.md are replaced by those of all targets in DIR.
"""

import argparse
import os
import re
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.comparison.remembered_logits import remembering
from benchmarks.comparison.split_check import require_same_answers
from benchmarks.markdown import row
from benchmarks.printed_progress import Printed
from dynanoise_export.attacks.attack_report import AttackReport
from dynanoise_export.attacks.attacking_model import attack
from dynanoise_export.attacks.results import Result
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.keep_label import KeptLabel
from dynanoise_export.exporting import export
from dynanoise_export.reports.attack_document import attack_document
from dynanoise_export.reports.attack_grid import Column, Grid, grid, midput_rows
from dynanoise_export.reports.attack_readings import best_of_each_reading
from dynanoise_export.reports.attack_wording import domain_of, is_inside, who
from dynanoise_export.reports.documents import write_document
from dynanoise_export.reports.html.attack_page import write_html
from dynanoise_models.experiments import ExperimentOptions
from dynanoise_models.protocols import Protocol
from dynanoise_models.shadows.make_shadows import make_shadows
from dynanoise_models.train_target import train_target

DOCUMENT = Path(__file__).parents[1] / "docs" / "results.md"
BEGIN, END = "<!-- tables: made by benchmarks/results.py -->", "<!-- end of the tables -->"
WEIGHTS = "resnet_cifar10/resnet20-12fca82f.th"
# The settings of `export`: the papers' own, and the strongest that costs no accuracy.
PAPERS, KEPT = "papers", "kept"
FEWER_EPOCHS = "mlp-location30-5-epochs"


@dataclass(frozen=True)
class Run:
    """How a target is trained and attacked.

    Attributes:
        target: its name.
        name: of the run, if there are several of a target.
        shadows: the number of shadow models; 0 for none.
        budget: the most queries for each row.
        rows: of the data set, as many as two cores can train on in an hour or two; None for all.
        epochs: of the training; None for the target's own.
        sample: how many rows are judged, as many as two cores can ask about; None for all.
        remember: whether each model computes its logits for a row once, for both settings.
        kept: σ₀ and T of the setting with keyed noise and kept labels.
        settings: of `export`; keyed noise is not for two classes.
        published: the path of published weights in the folder of the data; None to train.
    """

    target: str
    kept: tuple[float, float]
    shadows: int = 0
    budget: int = 64
    rows: int | None = None
    epochs: int | None = None
    sample: int | None = None
    remember: bool = False
    published: str | None = None
    settings: tuple[str, ...] = (PAPERS, KEPT)
    name: str = ""

    @property
    def folder(self) -> str:
        """The name of its folder."""
        return self.name or self.target

    def options(self) -> ExperimentOptions:
        """Give the options of its training."""
        if self.published is None:
            return ExperimentOptions(rows=self.rows, epochs=self.epochs)
        weights = Path(os.environ["DYNANOISE_DATA"]) / self.published
        return ExperimentOptions(protocol=Protocol.PUBLISHED, epochs=0, start_from=str(weights))


RUNS = {
    run.folder: run
    for run in (
        Run("mlp-location30", (4, 6), shadows=64),
        Run("mlp-location30", (4, 6), shadows=32, epochs=5, sample=1500, settings=(KEPT,), name=FEWER_EPOCHS),
        Run("digits-mlp", (4, 6), shadows=32),
        Run("alexnet-cifar10", (2, 2), shadows=6, rows=20_000, sample=500, remember=True, settings=(KEPT,)),
        Run("resnet20-cifar10", (2, 2), published=WEIGHTS, sample=2000, remember=True),
        Run("minilm-sst2", (2, 2), shadows=8, rows=2000, epochs=2, sample=300, remember=True, settings=(PAPERS,)),
    )
}


def main() -> None:
    """Make the missing files and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", default=list(RUNS), metavar="TARGET")
    parser.add_argument("--work", type=Path, required=True)
    arguments = parser.parse_args()
    for target in arguments.targets:
        run, folder = RUNS[target], arguments.work / target
        prepare(run, folder)
        for setting in run.settings:
            text = section(run, setting, attacked(run, folder, setting))
            (folder / f"{setting}.md").write_text(text, encoding="utf-8")
    sections = [arguments.work / target / f"{setting}.md" for target in RUNS for setting in (PAPERS, KEPT)]
    tables = "\n".join(path.read_text(encoding="utf-8") for path in sections if path.exists())
    text = DOCUMENT.read_text(encoding="utf-8")
    pattern = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    DOCUMENT.write_text(pattern.sub(lambda _: f"{BEGIN}\n\n{tables}\n{END}", text), encoding="utf-8")


def prepare(run: Run, folder: Path) -> None:
    """Train what is missing, and export both files."""
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint, bundle = folder / "target.pt", folder / "bundle"
    print(run.folder)
    if not checkpoint.exists():
        train_target(run.target, checkpoint, bundle, options=run.options(), progress=Printed())
    if run.shadows:
        make_shadows(
            run.target, folder / "shadows", run.shadows, bundle=bundle, options=run.options(), warn=print,
            progress=Printed(),
        )  # fmt: skip
    if not (folder / f"{PAPERS}.onnx").exists():
        export(checkpoint, folder / f"{PAPERS}.onnx")
    if KEPT in run.settings and not (folder / f"{KEPT}.onnx").exists():
        sigma0, temperature = run.kept
        defence = KeptLabel(DynaNoise(sigma0=sigma0, temperature=temperature))
        export(checkpoint, folder / f"{KEPT}.onnx", defence=defence, noise="keyed")


def attacked(run: Run, folder: Path, setting: str) -> AttackReport:
    """Attack a file of a target."""
    file, bundle = folder / f"{setting}.onnx", folder / "bundle"
    if run.remember:
        require_same_answers(file, bundle)
    with remembering(folder / "logits") if run.remember else nullcontext():
        report = attack(
            file,
            bundle,
            shadows=folder / "shadows" if run.shadows else None,
            reference=folder / "target.pt",
            budget=run.budget,
            sample=run.sample,
            cache=folder / f"{setting}.responses",
            progress=Printed(),
        )
    print()
    write_document(attack_document(report), folder / f"{setting}.json")
    write_html(report, folder / f"{setting}.html")
    return report


def section(run: Run, setting: str, report: AttackReport) -> str:
    """Write a section: its figures, what more queries buy, the query plans, and the attacks on the rows themselves."""
    arranged = grid(report)
    widest = max(result.auc.high - result.auc.low for result in (*report.without, *report.results)) / 2
    rates = [fpr for fpr in (0.01, 0.001) if report.worst.tpr[fpr] is not None]
    parts = [
        f"### `{run.target}`{trained(run)}, {command(run, setting)}\n\n{figures(run, report)}\n",
        f"What queries buy (AUC ± {widest:.3f} at most, 95%):\n\n{budgets(report, rates)}",
        f"The query plans, the best attack on each reading:\n\n{plans(report, rates)}",
    ]
    if setting == PAPERS:
        parts.append(f"The rows themselves, AUC:\n\n{table(arranged, lambda result: f'{result.auc.value:.3f}')}")
        parts += [f"TPR at {100 * fpr:g}% FPR:\n\n{table(ranking(arranged), partial(rate, fpr))}" for fpr in rates]
        parts.append(midput(report, arranged.columns))
    warned = "\n".join(f"- {warning.text}" for warning in report.warnings)
    return "\n".join([*parts, f"Warnings of the report:\n\n{warned}\n"])


def trained(run: Run) -> str:
    """Say how the training differs from the target's own."""
    return f" after {run.epochs} epochs" if run.name else ""


def command(run: Run, setting: str) -> str:
    """Write the options of `export`."""
    if setting == PAPERS:
        return "the papers' setting"
    return f"`--noise keyed --keep-label --sigma0 {run.kept[0]:g} --temperature {run.kept[1]:g}`"


def figures(run: Run, report: AttackReport) -> str:
    """Write what was attacked, and what the defence costs."""
    audit, cost, plain = report.audit, report.cost, report.plain_utility
    assert cost is not None
    assert plain is not None
    lost = cost.accuracy_lost
    asked = f" ({report.asked} of them answered chosen queries)" if report.asked < run.shadows else ""
    shadows = f"{run.shadows} shadow models{asked}" if run.shadows else "no shadow models"
    return (
        f"{audit.members:,} members and {audit.non_members:,} non-members, {shadows}. "
        f"Accuracy on non-members {plain.accuracy.value:.4f} without the defence, {report.utility.accuracy.value:.4f} "
        f"with it (lost {lost.value:.4f} [{lost.low:.4f}, {lost.high:.4f}]); "
        f"{cost.flips:.2%} of labels flipped; calibration error {plain.calibration_error:.3f} without, "
        f"{report.utility.calibration_error:.3f} with."
    )


def budgets(report: AttackReport, rates: list[float]) -> str:
    """Write the strongest attackers for each budget as Markdown."""
    heads = ["queries a row", "the strongest", "AUC", *(f"TPR at {100 * fpr:g}%" for fpr in rates)]
    lines = [row([*heads, f"inside ({report.domain})", "labels alone"]), row(["---"] * (len(heads) + 2))]
    for point in report.curve:
        strongest = point.strongest
        lines.append(
            row(
                [
                    str(point.budget),
                    who(strongest, defended=True),
                    f"**{strongest.auc.value:.3f}**",
                    *(rate(fpr, strongest) for fpr in rates),
                    "the same" if is_inside(strongest, report) else f"{point.inside.auc.value:.3f}",
                    f"{point.labels.auc.value:.3f}",
                ]
            )
        )
    without = max(report.without, key=lambda result: result.auc.value)
    undefended = [f"without the defence: {without.attack.name}", f"{without.auc.value:.3f}"]
    lines.append(row(["1", *undefended, *(rate(fpr, without) for fpr in rates), "", ""]))
    return "\n".join(lines) + "\n"


def plans(report: AttackReport, rates: list[float]) -> str:
    """Write the best attack on each reading as Markdown."""
    heads = ["reading", "queries", "domain", "sees", "AUC", *(f"TPR at {100 * fpr:g}%" for fpr in rates)]
    lines = [row(heads), row(["---"] * len(heads))]
    for result in best_of_each_reading(report):
        attacker = result.attacker
        parts = f" ({'; '.join(attacker.parts)})" if attacker.parts else ""
        sees = "labels" if attacker.labels_only else "scores"
        cells = [attacker.name + parts, str(attacker.queries), str(domain_of(result, report)), sees]
        lines.append(row([*cells, f"{result.auc.value:.3f}", *(rate(fpr, result) for fpr in rates)]))
    return "\n".join(lines) + "\n"


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


def midput(report: AttackReport, columns: list[Column]) -> str:
    """Write MIDPUT by attacker as Markdown."""
    rows = midput_rows(report, columns)
    shown = [place for place, value in enumerate(rows["MIDPUT, second version"]) if value is not None]
    lines = [row(["", *(columns[place].short for place in shown)]), row(["---"] * (len(shown) + 1))]
    lines += [row([name, *(f"{values[place]:.3f}" for place in shown)]) for name, values in rows.items()]
    return "\n".join(lines) + "\n" if shown else ""


if __name__ == "__main__":
    main()
