"""Gates: limits that a release must not exceed."""

from collections.abc import Sequence
from dataclasses import dataclass

from dynanoise_export.attacks.audit import Audit
from dynanoise_export.attacks.metrics.roc import fewest_non_members, tpr_at, turned_round
from dynanoise_export.attacks.results import Result
from dynanoise_export.errors import UserError

# Nobody has the rows for less.
SMALLEST_FPR = 1e-9


@dataclass(frozen=True)
class Gate:
    """A limit on what any attack may get.

    Attributes:
        limit: what the figure's interval must not go beyond.
        fpr: for the TPR at this FPR; None for the AUC.
    """

    limit: float
    fpr: float | None = None

    def __str__(self) -> str:
        return f"AUC {self.limit:g}" if self.fpr is None else f"TPR {self.limit:g} at {self.fpr:.4g} FPR"


@dataclass(frozen=True)
class Exceeded:
    """A gate that an attack went through.

    Attributes:
        gate: the gate.
        result: the attack whose interval reaches highest.
        high: how high.
    """

    gate: Gate
    result: Result
    high: float


def gates(max_auc: float | None, max_tprs: Sequence[str]) -> list[Gate]:
    """Make the gates of the values of `--max-auc` and `--max-tpr`.

    Raises:
        UserError: one is no AUC between 0 and 1, or not of the form TPR@FPR.
    """
    if max_auc is not None and not 0 <= max_auc <= 1:
        raise UserError(f"--max-auc {max_auc:g} is no AUC: give a number between 0 and 1, as in 0.55.")
    return [*([] if max_auc is None else [Gate(max_auc)]), *map(_tpr_gate, max_tprs)]


def _tpr_gate(text: str) -> Gate:
    try:
        limit, fpr = (float(part) for part in text.split("@"))
    except ValueError:
        limit, fpr = -1.0, -1.0
    if not (0 <= limit <= 1 and SMALLEST_FPR <= fpr < 1):
        raise UserError(f"--max-tpr {text} is not TPR@FPR, two shares, as in 0.01@0.001.")
    return Gate(limit, fpr)


def require_tellable(gate: Gate, audit: Audit) -> None:
    """Check, before any query is sent, that the rows can show whether the gate holds.

    Raises:
        UserError: there are too few non-members.
    """
    if gate.fpr is not None and audit.non_members < fewest_non_members(gate.fpr):
        raise UserError(
            f"{audit.path} has {audit.non_members:,} non-members, and it takes {fewest_non_members(gate.fpr):,} to "
            f"show a TPR at {gate.fpr:g} FPR: add rows, or give --max-tpr a larger FPR."
        )


def exceeded(gates: Sequence[Gate], results: Sequence[Result]) -> list[Exceeded]:
    """List the gates that the upper end of any attack's interval exceeds."""
    found = []
    for gate in gates:
        highs = [_high(gate, result) for result in results]
        highest = max(range(len(results)), key=highs.__getitem__)
        if highs[highest] > gate.limit:
            found.append(Exceeded(gate, results[highest], highs[highest]))
    return found


def _high(gate: Gate, result: Result) -> float:
    # Whoever sees that an attack is wrong more often than right, turns it round.
    if gate.fpr is None:
        return max(result.auc.high, 1 - result.auc.low)
    told = [tpr_at(drawn, gate.fpr) for drawn in (result.curve, turned_round(result.curve))]
    if None in told:
        raise AssertionError("require_tellable was not called")
    return max(one.high for one in told if one is not None)
