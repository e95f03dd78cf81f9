"""Gates: limits that a release must not exceed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from dynanoise_export.attacks.audit import Audit
from dynanoise_export.attacks.metrics.auc import auc, placements
from dynanoise_export.attacks.metrics.roc import Curve, curve, inverted, non_members_needed, tpr_at
from dynanoise_export.attacks.results import Result
from dynanoise_export.errors import DataError, UsageError
from dynanoise_export.intervals import Interval
from dynanoise_export.types import Bools, Float64s

# The result of an attack to its scores [r] on other answers that the model could have given.
Redraw = Callable[[Result], Sequence[Float64s]]

# Nobody has the rows to measure a TPR at less.
SMALLEST_FPR = 1e-9
# The margin of a gate, in standard deviations of what changes from one run to the next.
MARGIN = 3.0
# How many attacks, the strongest ones, are looked at for that: in another run, any of them may be the strongest.
STRONGEST = 5


@dataclass(frozen=True)
class Gate:
    """A limit on what any attack may achieve.

    Attributes:
        limit: on the upper end of the figure's interval.
        fpr: the FPR at which the TPR is limited; None if the gate limits the AUC.
    """

    limit: float
    fpr: float | None = None

    def __str__(self) -> str:
        return f"AUC {self.limit:g}" if self.fpr is None else f"TPR {self.limit:g} at {self.fpr:.4g} FPR"


class GateOutcome(StrEnum):
    """What becomes of a gate. Only a gate that holds lets a release pass."""

    HELD = "held"
    EXCEEDED = "exceeded"
    TOO_NEAR = "too-near"


@dataclass(frozen=True)
class JudgedGate:
    """A gate, and how near to it the attacks come.

    Attributes:
        gate: the gate.
        outcome: held if the limit is above the upper ends of all attacks' intervals by the margin; exceeded if it is
            below one of them by the margin; else too near to call, for the next run could say the opposite.
        result: of the attack that reaches highest.
        high: the upper end of its interval.
        margin: how much the highest of these ends may move when the same model answers again; 0 if it answers alike.
    """

    gate: Gate
    outcome: GateOutcome
    result: Result
    high: float
    margin: float

    @property
    def distance(self) -> float:
        """How far below the limit the attacks stay; negative if they exceed it."""
        return self.gate.limit - self.high


def parse_gates(max_auc: float | None, max_tpr: Sequence[str]) -> tuple[Gate, ...]:
    """Make gates of the options `--max-auc` and `--max-tpr`.

    Args:
        max_auc: an AUC between 0 and 1, or None.
        max_tpr: texts of the form TPR@FPR, as in 0.01@0.001.

    Raises:
        UsageError: one of them has another form.
    """
    if max_auc is not None and not 0 <= max_auc <= 1:
        raise UsageError(f"--max-auc {max_auc:g} is not an AUC: give a number between 0 and 1, as in 0.55.")
    return (*(() if max_auc is None else (Gate(max_auc),)), *map(_tpr_gate, max_tpr))


def _tpr_gate(text: str) -> Gate:
    try:
        limit, fpr = (float(part) for part in text.split("@"))
    except ValueError:
        limit, fpr = -1.0, -1.0
    if not (0 <= limit <= 1 and SMALLEST_FPR <= fpr < 1):
        raise UsageError(f"--max-tpr {text} is not TPR@FPR: give two numbers between 0 and 1, as in 0.01@0.001.")
    return Gate(limit, fpr)


def require_enough_rows(gate: Gate, audit: Audit) -> None:
    """Check, before any query is sent, that the rows are enough to show whether a gate holds.

    Raises:
        DataError: there are too few non-members.
    """
    if gate.fpr is not None and audit.non_members < (needed := non_members_needed(gate.fpr)):
        raise DataError(
            f"{audit.path} has {audit.non_members:,} non-members, but a TPR at {gate.fpr:g} FPR needs {needed:,}: add "
            "rows, or give --max-tpr a larger FPR."
        )


def judge_gates(gates: Sequence[Gate], results: Sequence[Result], member: Bools, redraw: Redraw) -> list[JudgedGate]:
    """Judge gates by the upper ends of all attacks' intervals.

    Args:
        gates: the gates.
        results: of all attacks, on r rows.
        member: bool [r], the truth.
        redraw: gives an attack's scores on other answers of the model; none if the model always answers alike.
    """
    return [_judge(gate, results, member, redraw) for gate in gates]


def _judge(gate: Gate, results: Sequence[Result], member: Bools, redraw: Redraw) -> JudgedGate:
    ends = {index: _upper_end(gate, result.auc, result.curve) for index, result in enumerate(results)}
    strongest = [results[index] for index in sorted(ends, key=lambda index: -ends[index])[:STRONGEST]]
    high, margin = max(ends.values()), _margin(gate, strongest, member, redraw)
    if high - margin > gate.limit:
        outcome = GateOutcome.EXCEEDED
    elif min(high + margin, 1.0) > gate.limit:  # no figure is larger than 1
        outcome = GateOutcome.TOO_NEAR
    else:
        outcome = GateOutcome.HELD
    return JudgedGate(gate, outcome, strongest[0], high, margin)


def _margin(gate: Gate, strongest: Sequence[Result], member: Bools, redraw: Redraw) -> float:
    """Compute how much the largest upper end of several attacks may move from one run to the next."""
    redrawn = [
        [_upper_end(gate, auc(placements(scores, member)), curve(scores, member)) for scores in redraw(result)]
        for result in strongest
    ]
    runs = max(map(len, redrawn))
    if runs < 2:
        return 0.0
    # An attack on answers that repeat has the same end in each run.
    fixed = [[_upper_end(gate, one.auc, one.curve)] * runs for one in strongest]
    ends = [found or same for found, same in zip(redrawn, fixed, strict=True)]
    return MARGIN * float(np.std(np.max(ends, axis=0), ddof=1))


def _upper_end(gate: Gate, area: Interval, roc: Curve) -> float:
    # An attacker who sees that an attack is wrong more often than right inverts its scores.
    if gate.fpr is None:
        return max(area.high, 1 - area.low)
    return max(_tpr(gate.fpr, roc).high, _tpr(gate.fpr, inverted(roc)).high)


def _tpr(fpr: float, roc: Curve) -> Interval:
    measured = tpr_at(roc, fpr)
    if measured is None:
        raise AssertionError("require_enough_rows was not called")
    return measured
