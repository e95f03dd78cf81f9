"""Attack a deployed model: ask it, attack, judge, in one readable function."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from threadpoolctl import threadpool_limits

from dynanoise_export.attacks import audit_warnings
from dynanoise_export.attacks.attacked_model import Attacked, open_attacked, open_plain, require_fits
from dynanoise_export.attacks.attackers import attackers_of
from dynanoise_export.attacks.audit import Audit, open_audit
from dynanoise_export.attacks.blind import blind_auc
from dynanoise_export.attacks.features import projected
from dynanoise_export.attacks.gates import Exceeded, Gate, exceeded, require_tellable
from dynanoise_export.attacks.judging import carry_out
from dynanoise_export.attacks.methods.catalogue import ATTACKS
from dynanoise_export.attacks.metrics.auc import difference
from dynanoise_export.attacks.queries.observations import DELTAS, Observations, observe
from dynanoise_export.attacks.queries.response_cache import Cache
from dynanoise_export.attacks.reading import Attackable, attackable, evidence_for
from dynanoise_export.attacks.results import Result
from dynanoise_export.attacks.shadow_models import open_store
from dynanoise_export.attacks.tradeoff import Tradeoff, tradeoffs
from dynanoise_export.attacks.utility import Cost, Utility, cost, utility
from dynanoise_export.intervals import Interval
from dynanoise_export.parameters import Parameters, Provider
from dynanoise_export.shadow_stores import ShadowStore
from dynanoise_export.sources.open_source import open_source
from dynanoise_export.sources.source_model import SourceOptions

QUERIES = (1, 16, 256)

Step = Callable[[str], None]
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Options:
    """How to attack.

    Attributes:
        queries: how often to ask each row itself, one attacker for each.
        given: the parameters of the defence, where the file does not state them.
        opening: what the reference's own file does not say.
        gates: limits that the attacks must not exceed.
        cache: a folder for the answers, or None to keep none.
        provider: what ONNX Runtime is to run an ONNX file on; None for the CPU.
    """

    queries: Sequence[int] = QUERIES
    given: Parameters | None = None
    opening: SourceOptions | None = None
    gates: Sequence[Gate] = ()
    cache: Path | None = None
    provider: Provider | None = None


@dataclass(frozen=True)
class AttackReport:
    """What attacks got out of a model.

    Attributes:
        attacked: the model.
        audit: the rows.
        reference: the undefended model, or None.
        store: the shadow models, or None.
        results: of attacks on the model.
        without: of attacks on the undefended model; empty without a reference.
        lacking: attacks that were not made, and why.
        asked: how many queries were sent for each row, in all.
        utility: what one answer of the model is worth.
        plain_utility: what one of the undefended model is worth.
        cost: what the defence costs.
        tradeoffs: MIDPUT of each attacker.
        warnings: what is not sound, in sentences.
        kept: the gates that were not exceeded.
        exceeded: the gates that were.
    """

    attacked: Attacked
    audit: Audit
    reference: str | None
    store: ShadowStore | None
    results: tuple[Result, ...]
    without: tuple[Result, ...]
    lacking: dict[str, str]
    asked: int
    utility: Utility
    plain_utility: Utility | None
    cost: Cost | None
    tradeoffs: tuple[Tradeoff, ...]
    warnings: tuple[str, ...]
    kept: tuple[Gate, ...]
    exceeded: tuple[Exceeded, ...]

    @property
    def worst(self) -> Result:
        """The attack with the largest AUC."""
        return max(self.results, key=lambda result: result.auc.value)

    def finds_most(self, fpr: float) -> Result | None:
        """Give the result with the largest TPR at an FPR of `FPRS`, or None where none can be told."""
        told = [(tpr.value, result) for result in self.results if (tpr := result.tpr[fpr]) is not None]
        return max(told, key=lambda one: one[0])[1] if told else None

    def plain_of(self, result: Result) -> Result | None:
        """Give the result of the same attack on the undefended model."""
        return _counterpart(result, self.without)


def attack(
    where: str | Path,
    data: Path,
    shadows: Path | None = None,
    reference: Path | None = None,
    options: Options | None = None,
    step: Step = lambda step: None,
    progress: Progress = lambda done, of, told: None,
) -> AttackReport:
    """Attack a deployed model as its clients could.

    Args:
        where: the path of an ONNX file or plan, or the URL of a model on a server; defended or not.
        data: a bundle with labels and membership.
        shadows: a store of shadow models for the same bundle.
        reference: the undefended model, in any format that `export` opens, to compare with.
        options: how to attack.
        step: told of each step.
        progress: told of the queries sent, of how many, and what they are for.

    Raises:
        UserError: one of them can't be used.
    """
    options = options or Options()
    step("Opening the model and the rows")
    attacked = open_attacked(where, options.given, options.provider)
    audit = open_audit(data, attacked.inputs)
    for gate in options.gates:
        require_tellable(gate, audit)
    plain = None if reference is None else open_plain(open_source(reference, options.opening))
    store = None if shadows is None else open_store(shadows, audit)
    for asked in (attacked, plain):
        if asked is not None:
            require_fits(asked, audit, store)

    step("Asking the model")
    seen = _observe(attacked, audit, options, progress)
    unseen = None
    if plain is not None:
        step("Asking the undefended model")
        unseen = _observe(plain, audit, options, progress)

    step("Looking at the rows")
    common = attackable(audit, projected(audit.inputs), attacked.head, store)
    # The attacks are many small pieces of work: more threads gain nothing, and beside other programs they lose minutes
    # in waiting for each other.
    with threadpool_limits(1):
        without = () if unseen is None else tuple(_attack(unseen, common, False, step))
        attackers = _attack(seen, common, attacked.head is not None, step)
        results = tuple(_compared(result, without) for result in attackers)
    return _report(attacked, plain, common, seen, unseen, results, without, options.gates)


def _observe(attacked: Attacked, audit: Audit, options: Options, progress: Progress) -> Observations:
    # Where no noise is known of, none is to be averaged.
    queries, deltas = ((1,), ()) if attacked.head is None else (options.queries, DELTAS)
    return observe(
        attacked.client, audit, queries, deltas, Cache(options.cache, attacked.sha256, audit.sha256), progress
    )


def _attack(seen: Observations, common: Attackable, defended: bool, step: Step) -> Iterator[Result]:
    for attacker, answers in attackers_of(seen, defended=defended):
        step(f"Attacking: {attacker.name}")
        evidence = evidence_for(attacker, answers, common)
        yield from carry_out(attacker, evidence, common.audit.member, common.audit.judged)


def _compared(result: Result, without: Sequence[Result]) -> Result:
    plain = _counterpart(result, without)
    gained: Interval | None = None if plain is None else difference(plain.placed, result.placed)
    return replace(result, gained=gained)


def _counterpart(result: Result, without: Sequence[Result]) -> Result | None:
    """Find the same attack on the undefended model: one answer is enough there, for it is always the same."""
    return next((plain for plain in without if plain.attack == result.attack and _alike(plain, result)), None)


def _alike(plain: Result, result: Result) -> bool:
    one, other = plain.attacker, result.attacker
    if not (one.labels_only or other.labels_only):
        return True
    return (one.labels_only, one.queries, one.near_duplicates) == (
        other.labels_only, other.queries, other.near_duplicates,
    )  # fmt: skip


def _report(
    attacked: Attacked,
    plain: Attacked | None,
    common: Attackable,
    seen: Observations,
    unseen: Observations | None,
    results: tuple[Result, ...],
    without: tuple[Result, ...],
    gates: Sequence[Gate],
) -> AttackReport:
    audit, store = common.audit, common.store
    worth = utility(audit, seen.repeated[1])
    paid = None if unseen is None else cost(audit, unseen.repeated[1], seen.repeated[1])
    warnings = [
        *([f"The outputs {', '.join(attacked.leaking)} go round the defence."] if attacked.leaking else []),
        *audit_warnings.about_rows(audit, blind_auc(audit, common.features)),
        *audit_warnings.about_shadows(store, worth),
        *audit_warnings.about_results(results, audit.members / (audit.members + audit.non_members)),
        *audit_warnings.about_attackers(without, results),
    ]
    beyond = exceeded(gates, results)
    return AttackReport(
        attacked=attacked,
        audit=audit,
        reference=None if plain is None else plain.name,
        store=store,
        results=results,
        without=without,
        lacking=_lacking(audit, store),
        asked=seen.queries,
        utility=worth,
        plain_utility=None if unseen is None else utility(audit, unseen.repeated[1]),
        cost=paid,
        tradeoffs=() if paid is None else tuple(tradeoffs(without, results, paid.accuracy_lost.value)),
        warnings=tuple(warnings),
        kept=tuple(gate for gate in gates if gate not in {one.gate for one in beyond}),
        exceeded=tuple(beyond),
    )


def _lacking(audit: Audit, store: ShadowStore | None) -> dict[str, str]:
    held, auxiliary = (0 if store is None else len(store.kept)), int((~audit.judged).sum())
    lacked = {attack.name: attack.lacking(held, auxiliary) for attack in ATTACKS}
    return {name: lack for name, lack in lacked.items() if lack is not None}
