"""The report of `attack`."""

from dataclasses import dataclass

from dynanoise_export.attacks.asking.response_cache import CachedAnswers
from dynanoise_export.attacks.audit import Audit
from dynanoise_export.attacks.audit_warnings import AuditWarning
from dynanoise_export.attacks.budgets import BudgetPoint
from dynanoise_export.attacks.domain import Domain
from dynanoise_export.attacks.exposed_rows import ExposedRows
from dynanoise_export.attacks.gates import Gate, GateOutcome, JudgedGate
from dynanoise_export.attacks.methods.attack import SkippedAttack
from dynanoise_export.attacks.part_results import PartResults
from dynanoise_export.attacks.results import Result, counterpart, strongest
from dynanoise_export.attacks.shadow_free import ShadowFreeEstimate
from dynanoise_export.attacks.tradeoff import Tradeoff
from dynanoise_export.attacks.utility import Cost, Utility
from dynanoise_export.defences.base import Defence
from dynanoise_export.deployed.deployed_model import DeployedModel
from dynanoise_export.shadow_stores import ShadowStore


@dataclass(frozen=True)
class AttackReport:
    """What membership-inference attacks get out of a deployed model.

    Attributes:
        model: the attacked model.
        defence: its defence, which an adaptive attacker knows; None for an undefended model.
        audit: the rows on which the attacks are judged.
        reference: the path of the undefended model, or None.
        store: the shadow models, or None.
        asked: how many of the shadow models answered chosen queries.
        budget: the most queries for each row of any attacker.
        domain: the narrowest domain of the rows.
        allowed: the domain that the attackers kept to.
        curve: the strongest attackers for each budget.
        results: of the attacks on the model.
        without: of the attacks on the undefended model; empty without a reference.
        skipped: the attacks that could not run.
        queries_per_row: how many queries were sent for each row, in all.
        utility: of one answer of the model.
        plain_utility: of one answer of the undefended model, or None.
        cost: what the defence costs honest clients, or None without a reference.
        tradeoffs: MIDPUT by attacker; empty without a reference.
        cached: what was taken from the cache of an earlier run, or None.
        warnings: what makes the figures unsound, or the defence weak.
        exposed: the strongest attack on the rows that are most at risk; None if nobody can tell which these are.
        estimates: without a store of shadow models, what such models might add; empty with a store.
        by_class: the worst attack's figures for each class; `by_group`: for each group, None if there are no groups.
        gates: the judged gates; empty if no limit was given.
    """

    model: DeployedModel
    defence: Defence | None
    audit: Audit
    reference: str | None
    store: ShadowStore | None
    asked: int
    budget: int
    domain: Domain
    allowed: Domain
    curve: tuple[BudgetPoint, ...]
    results: tuple[Result, ...]
    without: tuple[Result, ...]
    skipped: tuple[SkippedAttack, ...]
    queries_per_row: int
    utility: Utility
    plain_utility: Utility | None
    cost: Cost | None
    tradeoffs: tuple[Tradeoff, ...]
    cached: CachedAnswers | None
    warnings: tuple[AuditWarning, ...]
    exposed: ExposedRows | None
    estimates: tuple[ShadowFreeEstimate, ...]
    by_class: PartResults
    by_group: PartResults | None
    gates: tuple[JudgedGate, ...] = ()

    @property
    def passed(self) -> bool | None:
        """Whether all gates hold; None without a gate, which is no verdict."""
        return not self.gates_exceeded if self.gates else None

    @property
    def gates_held(self) -> tuple[Gate, ...]:
        """The gates that hold."""
        return tuple(one.gate for one in self.gates if one.outcome is GateOutcome.HELD)

    @property
    def gates_exceeded(self) -> tuple[JudgedGate, ...]:
        """The gates that are exceeded, or too near to call."""
        return tuple(one for one in self.gates if one.outcome is not GateOutcome.HELD)

    @property
    def label_floor(self) -> Result:
        """The strongest attack on labels alone within the budget: no defence that keeps labels can hide less."""
        return self.curve[-1].labels

    @property
    def worst(self) -> Result:
        """The result with the largest AUC."""
        return strongest(self.results)

    def largest_tpr(self, fpr: float) -> Result | None:
        """Find the result with the largest TPR at an FPR of `FPRS`; None if the rows are too few to measure it."""
        measured = [(tpr.value, result) for result in self.results if (tpr := result.tpr[fpr]) is not None]
        return max(measured, key=lambda pair: pair[0])[1] if measured else None

    def without_defence(self, result: Result) -> Result | None:
        """Find the result of the same attack on the undefended model."""
        return counterpart(result, self.without)
