"""The plots of a comparison: what a case costs against what attackers get, as SVG."""

from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt

from benchmarks.comparison.cases import NO_DEFENCE
from benchmarks.comparison.figures import Figures

# The same picture from the same figures: no date, no random names.
mpl.rcParams.update({"svg.hashsalt": "dynanoise", "svg.fonttype": "none", "font.size": 8})
TRAINED, HEADED, BOTH, NEITHER = "#2f6fb0", "#c2542d", "#3c8c4a", "#222222"
# Where an axis ends: a head that rounds answers to 0 has an NLL that would press all others together.
LARGEST = {"negative_log_likelihood_defended": 6.0}
NEAR = 0.025  # the share of an axis within which points have one label
LABELS = {NEITHER: "no defence", TRAINED: "training", HEADED: "head", BOTH: "training and head"}


def plot(cases: Sequence[Figures], title: str, path: Path) -> None:
    """Draw accuracy and NLL against the strongest attack's AUC, and its TPR at 1% FPR if rows suffice for it."""
    heights: list[tuple[str, Callable[[Figures], float | None]]] = [
        ("AUC of the strongest attack, 95% interval", lambda case: case.anywhere.auc)
    ]
    if any(case.anywhere.tpr[0] is not None for case in cases):
        heights.append(("its TPR at 1% FPR", lambda case: case.anywhere.tpr[0]))
    figure, axes = plt.subplots(len(heights), 2, figsize=(11, 4 * len(heights)), layout="constrained", squeeze=False)
    costs = (
        ("accuracy on non-members, 95% interval", "accuracy_defended"),
        ("negative log-likelihood, nats (› beyond the axis)", "negative_log_likelihood_defended"),
    )
    for row, (name, height) in enumerate(heights):
        for column, (_, key) in enumerate(costs):
            _scatter(axes[row][column], cases, key, height, bars=row == 0)
        axes[row][0].set_ylabel(name)
    for column, (name, _) in enumerate(costs):
        axes[-1][column].set_xlabel(name)
    marks = [plt.Line2D([], [], marker="o", linestyle="", color=colour, label=LABELS[colour]) for colour in LABELS]
    figure.legend(handles=marks, loc="outside lower center", ncols=len(marks), frameon=False)
    figure.suptitle(title)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _scatter(
    axes: plt.Axes, cases: Sequence[Figures], key: str, height: Callable[[Figures], float | None], *, bars: bool
) -> None:
    points = []
    for number, case in enumerate(cases, 1):
        x, y = case.utility.get(key), height(case)
        if x is None or y is None:
            continue
        if key in LARGEST and x > LARGEST[key]:
            x = LARGEST[key]
            axes.annotate("›", (x, y), xytext=(-4, -3), textcoords="offset points")
        tall = _arms(y, (case.anywhere.low, case.anywhere.high)) if bars else None
        wide = _arms(x, case.utility.get(f"{key}_ci"))
        colour = _colour(case)
        over = 3 if colour == NEITHER else 2  # heads that change nothing lie on it
        axes.errorbar(x, y, tall, wide, fmt="o", color=colour, markersize=4, elinewidth=0.4, zorder=over)
        points.append((number, x, y))
    axes.grid(linewidth=0.3)
    for numbers, x, y in _together(points, axes):
        axes.annotate(_ranges(numbers), (x, y), xytext=(5, 3), textcoords="offset points", annotation_clip=False)


def _arms(value: float, ends: Sequence[float] | None) -> list[list[float]] | None:
    """Give the lengths of the two arms of an interval's bar; None without an interval, and beyond the axis."""
    if ends is None or not ends[0] <= value <= ends[1]:
        return None
    return [[value - ends[0]], [ends[1] - value]]


def _together(points: Sequence[tuple[int, float, float]], axes: plt.Axes) -> list[tuple[list[int], float, float]]:
    """Group points that are nearer to each other than their labels are long; give each group's rightmost point."""
    width, tall = (end - start for start, end in (axes.get_xlim(), axes.get_ylim()))
    groups: list[list[tuple[int, float, float]]] = []
    for point in points:
        near = [
            group
            for group in groups
            if any(abs(point[1] - x) < NEAR * width and abs(point[2] - y) < NEAR * tall for _, x, y in group)
        ]
        groups = [group for group in groups if group not in near]
        groups.append([*(one for group in near for one in group), point])
    return [(sorted(one[0] for one in group), *max((x, y) for _, x, y in group)) for group in groups]


def _ranges(numbers: Sequence[int]) -> str:
    """Write numbers in order, as in 1, 14–17."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs)


def _colour(case: Figures) -> str:
    trained, headed = case.training.name != NO_DEFENCE, case.head.name != NO_DEFENCE
    if trained:
        return BOTH if headed else TRAINED
    return HEADED if headed else NEITHER
