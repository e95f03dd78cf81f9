"""The tables of a comparison, as Markdown."""

from collections.abc import Sequence

from benchmarks.comparison.cases import NO_DEFENCE, Comparison
from benchmarks.comparison.figures import Attacked, Figures
from benchmarks.markdown import row

HEADS = (
    "#", "training", "head", "accuracy", "NLL", "Brier", "calibration", "risk–coverage", "labels flipped", "naive",
    "adaptive, rows", "chosen, inside", "chosen, any", "TPR at 1%", "TPR at 0.1%", "labels alone",
    "MIDPUT, v1", "v2",
)  # fmt: skip

WEAK = "†"
WEAK_MEANS = f"{WEAK} The shadow models are unlike the target in accuracy, so the attacks look weaker than they are."

USEFULNESS = ("negative_log_likelihood", "brier_score", "calibration_error", "risk_coverage_area")


def main_table(comparison: Comparison, cases: Sequence[Figures]) -> str:
    """Write the figures of all cases, a row each, with the number that it has in the plots."""
    lines = [
        row(HEADS),
        row(["---"] * len(HEADS)),
        *(row([str(number), *_cells(case)]) for number, case in enumerate(cases, 1)),
    ]
    note = f"\n{WEAK_MEANS}\n" if any(case.shadows_differ for case in cases) else ""
    return "\n".join(lines) + f"\n{note}"


def commands_table(cases: Sequence[Figures]) -> str:
    """Write the options that make each training and each head."""
    trainings = {case.training.name: case.training.command() for case in cases}
    heads = {case.head.name: case.head.command() for case in cases}
    lines = [row(["name", "options of", "which are"]), row(["---"] * 3)]
    lines += [_command(name, "dynanoise-models train", options) for name, options in trainings.items()]
    lines += [_command(name, "dynanoise-export", options) for name, options in heads.items()]
    return "\n".join(lines) + "\n"


def _command(name: str, program: str, options: str) -> str:
    return row([f"`{name}`", f"`{program}`", f"`{options}`" if options else "none"])


def _cells(case: Figures) -> list[str]:
    utility, worst = case.utility, case.anywhere
    bold = "**" if case.training.name == NO_DEFENCE and case.head.name == NO_DEFENCE else ""
    return [
        f"{bold}{case.training.name}{bold}{WEAK if case.shadows_differ else ''}",
        f"{bold}{case.head.name}{bold}",
        f"{utility['accuracy_defended']:.3f}",
        *(_number(utility.get(f"{name}_defended")) for name in USEFULNESS),
        f"{utility.get('label_flips', 0):.1%}",
        *(f"{one.auc:.3f}" for one in (case.naive, case.adaptive, case.inside)),
        _with_interval(worst),
        *("" if rate is None else f"{rate:.1%}" for rate in worst.tpr),
        f"{case.labels.auc:.3f}",
        *(_number(value) for value in case.midput),
    ]


def _with_interval(attacked: Attacked) -> str:
    return f"**{attacked.auc:.3f}** [{attacked.low:.3f}, {attacked.high:.3f}]"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
