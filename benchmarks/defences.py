"""Compare defences at training and at inference time, and their compositions; write docs/results.md.

    DYNANOISE_DATA=… python -m benchmarks.defences --work DIR [--only train|attack|tables] [TARGET ...]

Targets, shadow models, defended files, answers and reports that are missing in DIR are made; those that exist are used
as they are, so an interrupted run goes on. Then the tables and plots of all targets in DIR are written.
"""

import argparse
import re
from pathlib import Path

import joblib

from benchmarks.comparison.cases import NO_DEFENCE, Comparison
from benchmarks.comparison.figures import Figures, figures_of
from benchmarks.comparison.plots import plot
from benchmarks.comparison.runs import attack_case, report_of, train
from benchmarks.comparison.tables import commands_table, main_table
from benchmarks.comparison.targets import COMPARISONS

DOCS = Path(__file__).parents[1] / "docs"
DOCUMENT = DOCS / "results.md"
BEGIN, END = "<!-- defences: made by benchmarks/defences.py -->", "<!-- end of the defences -->"


def main() -> None:
    """Make what is missing, and write the tables and the plots."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", default=list(COMPARISONS), metavar="TARGET")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--only", choices=("train", "attack", "tables"))
    parser.add_argument("--training", action="append", help="only this training; may be given several times")
    parser.add_argument("--provider", default="cpu", help="what ONNX Runtime attacks on: cpu or cuda")
    parser.add_argument("--jobs", type=int, default=1, help="how many files are attacked at once")
    arguments = parser.parse_args()
    for name in arguments.targets:
        comparison, work = COMPARISONS[name], arguments.work / name
        chosen = arguments.training or list(comparison.trainings)
        if arguments.only in (None, "train"):
            for training in chosen:
                train(comparison, comparison.trainings[training], work)
        if arguments.only in (None, "attack"):
            cases = [(training, head) for training, head in comparison.cases if training in chosen]
            joblib.Parallel(n_jobs=arguments.jobs)(
                joblib.delayed(attack_case)(comparison, comparison.trainings[training], head, work, arguments.provider)
                for training, head in cases
            )
    write([name for name in COMPARISONS if (arguments.work / name).exists()], arguments.work)


def write(targets: list[str], work: Path) -> None:
    """Write the sections of some targets between the two marks of the document."""
    sections = "\n".join(filter(None, (section(COMPARISONS[name], work / name) for name in targets)))
    text = DOCUMENT.read_text(encoding="utf-8")
    pattern = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    DOCUMENT.write_text(pattern.sub(lambda _: f"{BEGIN}\n\n{sections}\n{END}", text), encoding="utf-8")


def section(comparison: Comparison, work: Path) -> str:
    """Write the section of a target: the table, the plot, and the options that make each case."""
    cases = all_figures(comparison, work)
    if not cases:
        return ""
    picture = Path("pictures") / f"defences-{comparison.target}.svg"
    plot(cases, comparison.target, DOCS / picture)
    judged = "all rows are judged" if comparison.sample is None else f"{comparison.sample:,} rows are judged"
    return (
        f"### Defences of `{comparison.target}`\n\n{_shadows(comparison, cases)}; {judged}; up to {comparison.budget} "
        f"queries a row.\n\n{main_table(comparison, cases)}\n"
        f"![Accuracy and NLL against the strongest attack]({picture})\n\n{commands_table(cases)}"
    )


def _shadows(comparison: Comparison, cases: list[Figures]) -> str:
    """Say how many shadow models the trainings have."""
    own = {case.training.name: case.training.shadows for case in cases if case.training.shadows is not None}
    others = "".join(f", {count} for `{name}`" for name, count in own.items())
    return f"{comparison.shadows} shadow models for each training{others}"


def all_figures(comparison: Comparison, work: Path) -> list[Figures]:
    """Read the figures of the cases that are attacked."""
    undefended = report_of(NO_DEFENCE, NO_DEFENCE, work)
    if undefended is None:
        return []
    found = []
    for training, head in comparison.cases:
        report = report_of(training, head.name, work)
        if report is not None:
            found.append(figures_of(comparison, training, head, report, undefended))
    return found


if __name__ == "__main__":
    main()
