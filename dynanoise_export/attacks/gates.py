"""Gates: limits that a release must not exceed."""

from collections.abc import Sequence
from dataclasses import dataclass

from dynanoise_export.attacks.audit import Audit
from dynanoise_export.attacks.metrics.roc import inverted, non_members_needed, tpr_at
from dynanoise_export.attacks.results import Result
from dynanoise_export.errors import DataError, UsageError

# Nobody has the rows to measure a TPR at less.
SMALLEST_FPR = 1e-9


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


@dataclass(frozen=True)
class ExceededGate:
    """A gate that an attack exceeds.

    Attributes:
        gate: the gate.
        result: of the attack with the highest interval.
        high: the upper end of that interval.
    """

    gate: Gate
    result: Result
    high: float


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


def exceeded_gates(gates: Sequence[Gate], results: Sequence[Result]) -> list[ExceededGate]:
    """Find the gates that the upper end of any attack's interval exceeds."""
    found = []
    for gate in gates:
        highs = [_upper_end(gate, result) for result in results]
        highest = max(range(len(results)), key=highs.__getitem__)
        if highs[highest] > gate.limit:
            found.append(ExceededGate(gate, results[highest], highs[highest]))
    return found


def _upper_end(gate: Gate, result: Result) -> float:
    # An attacker who sees that an attack is wrong more often than right inverts its scores.
    if gate.fpr is None:
        return max(result.auc.high, 1 - result.auc.low)
    measured = [tpr_at(curve, gate.fpr) for curve in (result.curve, inverted(result.curve))]
    if None in measured:
        raise AssertionError("require_enough_rows was not called")
    return max(tpr.high for tpr in measured if tpr is not None)
