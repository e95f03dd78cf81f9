"""Attack a deployed model: open it, query it, attack with the answers, judge the attacks, report."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from threadpoolctl import threadpool_limits

from dynanoise_export.attacks.asking.response_cache import cached_answers
from dynanoise_export.attacks.attack_report import AttackReport
from dynanoise_export.attacks.attacker_evidence import SharedEvidence, evidence_of, share_evidence
from dynanoise_export.attacks.attackers import attackers_of
from dynanoise_export.attacks.audit import Audit
from dynanoise_export.attacks.audit_warnings import (
    AuditWarning,
    attacker_warnings,
    cache_warnings,
    chosen_warnings,
    guard_warnings,
    leak_warnings,
    result_warnings,
    row_warnings,
    shadow_warnings,
)
from dynanoise_export.attacks.blind import blind_auc, can_compare_rows
from dynanoise_export.attacks.budgets import DEFAULT_BUDGET, budget_curve, budgets_up_to, repeats_within
from dynanoise_export.attacks.domain import Domain, find_domain, require_rows_in
from dynanoise_export.attacks.exposed_rows import exposed_rows
from dynanoise_export.attacks.gates import Gate, JudgedGate, judge_gates, parse_gates, require_enough_rows
from dynanoise_export.attacks.judging import run_attacks
from dynanoise_export.attacks.methods.attack import SkippedAttack
from dynanoise_export.attacks.methods.attack_catalogue import ATTACKS
from dynanoise_export.attacks.metrics.auc import auc_difference
from dynanoise_export.attacks.part_results import results_by_class, results_by_group
from dynanoise_export.attacks.plan_judging import FUSED, Judged, PlanResult, judge_plans, redraw_plan
from dynanoise_export.attacks.queries.plan_catalogue import chosen_plans
from dynanoise_export.attacks.querying import Answered, QueryOptions, query
from dynanoise_export.attacks.redraws import FEWEST_ANSWERS, Redraws
from dynanoise_export.attacks.responses import ModelResponses, Responses
from dynanoise_export.attacks.results import FPRS, Result, counterpart, strongest
from dynanoise_export.attacks.scenario import Scenario, open_scenario
from dynanoise_export.attacks.shadow_free import ShadowFreeEstimate, estimate_without_shadows
from dynanoise_export.attacks.shadow_models import require_all_shadows
from dynanoise_export.attacks.signals import signals
from dynanoise_export.attacks.tradeoff import tradeoffs
from dynanoise_export.attacks.utility import Utility, cost, utility
from dynanoise_export.choices import choice
from dynanoise_export.defences.base import Defence
from dynanoise_export.deployed.open_deployed import open_deployed
from dynanoise_export.runtimes.provider import ON_CPU, Provider, chosen_execution
from dynanoise_export.sources.source_model import SourceOptions
from dynanoise_export.types import Float64s, Int64s, Progress, Step, no_progress


def attack(
    model: str | Path,
    data: str | Path,
    *,
    shadows: str | Path | None = None,
    reference: str | Path | None = None,
    budget: int = DEFAULT_BUDGET,
    domain: Domain | str = Domain.ANY,
    queries: Sequence[int] | None = None,
    also: Sequence[str] = (),
    sample: int | None = None,
    rows: Int64s | None = None,
    defence: Defence | None = None,
    source_options: SourceOptions | None = None,
    max_auc: float | None = None,
    max_tpr: Sequence[str] = (),
    require_shadows: bool = False,
    force: bool = False,
    cache: str | Path | None = None,
    provider: Provider | str | None = None,
    tf32: bool = False,
    operators: bool = False,
    progress: Progress = no_progress,
) -> AttackReport:
    """Attack a deployed model as its clients could.

    Args:
        model: the path of an ONNX file or plan, or the URL of a model on a server; defended or not.
        data: the path of a bundle with labels and membership.
        shadows: the path of a store of shadow models of the same bundle.
        reference: the path of the undefended model, in any format that `export` opens, to compare with.
        budget: the most queries for each row of any attacker.
        domain: the inputs that attackers may send; `any` tells those who stay inside the rows' domain from the others.
        queries: how often an attacker sends each row itself and averages the answers, a number for each attacker; None
            for 1, 16 and so on up to the budget.
        also: the codes of query plans that run only on demand, such as generator-prediction.
        sample: judge on this many rows, chosen at random; None for all.
        rows: int64, the numbers of the bundle's rows from which these are chosen, rising; None for all.
        defence: the model's, if it does not state it; it replaces what the model states.
        source_options: what the reference's own file does not say.
        max_auc: a gate: the AUC that no attack's interval may exceed.
        max_tpr: gates of the form TPR@FPR, as in 0.01@0.001: the TPR that no attack's interval may exceed at that FPR.
        require_shadows: refuse to attack without the shadow models that the strongest attacks need.
        force: attack even if the model's accuracy on members is near chance, or far from what is known of the model.
        cache: the path of a folder for the models' answers, so that a second run sends no query twice; None for none.
        provider: what ONNX Runtime runs an ONNX file on, and the shadow models: cpu, cuda or tensorrt; None for the
            CPU.
        tf32: whether a GPU may compute float32 in TF32; the shadow models then do so too.
        operators: whether the defence runs as the kernels of the package dynanoise-export-operators.
        progress: called with each step, and with the number of queries sent.

    Returns:
        The report; `worst` is the strongest attack, `curve` the strongest for each budget, `passed` says whether all
        gates hold.

    Raises:
        UserError: one of the files or options can't be used.
    """
    gates, counts = parse_gates(max_auc, max_tpr), repeats_within(budget, queries)
    allowed, plans = choice(Domain, domain, "domain"), chosen_plans(also)
    progress(Step("Opening the model and the rows"))
    execution = chosen_execution(provider, tf32=tf32, operators=operators)
    deployed = open_deployed(model, execution)
    scenario = open_scenario(
        deployed,
        data,
        defence=defence,
        reference=reference,
        source_options=source_options,
        shadows=shadows,
        sample=sample,
        rows=rows,
    )
    require_rows_in(allowed, scenario.audit.inputs, scenario.audit.path)
    for gate in gates:
        require_enough_rows(gate, scenario.audit)
    if require_shadows:
        require_all_shadows(scenario.store)
    # A gate must know how much the answers to a row differ.
    repeats = (*counts, FEWEST_ANSWERS) if gates and max(counts) < FEWEST_ANSWERS else counts
    options = QueryOptions(
        repeats, budget, allowed, plans, None if cache is None else Path(cache), force, twice=bool(gates),
        execution=execution or ON_CPU,
    )  # fmt: skip
    answered = query(scenario, options, progress)
    progress(Step("Preparing the evidence"))
    shared = share_evidence(scenario.audit, scenario.defence, scenario.store)
    # The attacks are many small tasks: more threads gain nothing, and cost minutes when other programs run too.
    with threadpool_limits(1):
        outcome = _judge(scenario, answered, shared, options, counts, gates, progress)
    return _report(scenario, answered, shared, options, outcome)


@dataclass(frozen=True)
class _Outcome:
    """All results, and the judged gates."""

    results: tuple[Result, ...]
    without: tuple[Result, ...]
    gates: tuple[JudgedGate, ...]


def _judge(
    scenario: Scenario,
    answered: Answered,
    shared: SharedEvidence,
    options: QueryOptions,
    counts: Sequence[int],
    gates: Sequence[Gate],
    progress: Progress,
) -> _Outcome:
    audit, defence = scenario.audit, scenario.defence
    without = _attack(answered.plain, None, shared, progress)
    results = _attack(answered.model.asked(counts), defence, shared, progress)
    progress(Step("Judging the chosen queries"))
    member = audit.member[audit.judged]
    domain = find_domain(audit.inputs)
    plans = list(
        judge_plans(Judged(answered.readings, member, defence is not None, budgets_up_to(options.budget), domain))
    )
    results += [plan.result for plan in plans]
    redraws = Redraws(answered.model, defence, shared)
    judged = judge_gates(gates, results, member, _redrawing(plans, answered, redraws))
    return _Outcome(tuple(_with_gain(r, without) for r in results), tuple(without), tuple(judged))


def _redrawing(
    plans: Sequence[PlanResult], answered: Answered, redraws: Redraws
) -> Callable[[Result], Sequence[Float64s]]:
    """Give the function that draws other scores of a result, whether its queries are the rows or chosen ones."""
    by_result = {id(plan.result): plan for plan in plans}

    def redraw(result: Result) -> Sequence[Float64s]:
        plan = by_result.get(id(result))
        return redraws(result) if plan is None else redraw_plan(plan, answered.readings)

    return redraw


def _attack(
    responses: ModelResponses | None, defence: Defence | None, shared: SharedEvidence, progress: Progress
) -> list[Result]:
    """Run all attacks of all attackers of a model; give no results if there are no responses."""
    results: list[Result] = []
    for attacker, read in () if responses is None else attackers_of(responses, defence):
        progress(Step(f"Attacking: {attacker.name}"))
        results += run_attacks(attacker, evidence_of(attacker, read, shared), shared.audit)
    return results


def _with_gain(result: Result, without: Sequence[Result]) -> Result:
    plain = counterpart(result, without)
    gained = None if plain is None else auc_difference(plain.placements, result.placements)
    return replace(result, auc_gained=gained)


def _report(
    scenario: Scenario, answered: Answered, shared: SharedEvidence, options: QueryOptions, outcome: _Outcome
) -> AttackReport:
    audit, answers = scenario.audit, answered.model.repeated[1]
    plain_answers = None if answered.plain is None else answered.plain.repeated[1]
    usefulness = utility(audit, answers)
    paid = None if plain_answers is None else cost(audit, plain_answers, answers)
    worst, domain = strongest(outcome.results), find_domain(audit.inputs)
    return AttackReport(
        model=scenario.model,
        defence=scenario.defence,
        audit=audit,
        reference=None if scenario.source is None else str(scenario.source.path),
        store=scenario.store,
        asked=0 if answered.readings.shadows is None else len(answered.readings.shadows),
        budget=options.budget,
        domain=domain,
        allowed=options.domain,
        curve=budget_curve(outcome.results, options.budget, domain),
        results=outcome.results,
        without=outcome.without,
        skipped=tuple(_skipped(scenario)),
        queries_per_row=answered.model.queries_per_row + answered.readings.queries_per_row,
        utility=usefulness,
        plain_utility=None if plain_answers is None else utility(audit, plain_answers),
        cost=paid,
        tradeoffs=() if paid is None else tuple(tradeoffs(outcome.without, outcome.results, paid.accuracy_lost.value)),
        cached=cached_answers(answered.caches),
        warnings=(*cache_warnings(answered.caches), *_warnings(scenario, shared, usefulness, outcome)),
        exposed=exposed_rows(audit, scenario.store, worst),
        estimates=() if scenario.store is not None else tuple(_estimates(audit, answers)),
        by_class=results_by_class(worst, audit, answers),
        by_group=results_by_group(worst, audit, answers),
        gates=outcome.gates,
    )


def _estimates(audit: Audit, answers: Responses) -> Iterator[ShadowFreeEstimate]:
    """Estimate from one answer to each row what an attacker with shadow models might find."""
    judged = audit.judged
    confidence = signals(answers.log_p[judged], audit.y[judged]).logit
    for fpr in FPRS:
        estimate = estimate_without_shadows(-confidence, audit.member[judged], fpr)
        if estimate is not None:
            yield estimate


def _skipped(scenario: Scenario) -> Iterator[SkippedAttack]:
    store = scenario.store
    shadows = 0 if store is None else len(store.kept)
    auxiliary = int((~scenario.audit.judged).sum())
    for _, method in ATTACKS.all():
        missing = method.missing(shadows, auxiliary)
        if missing is not None:
            yield missing
    # Readings are compared with shadow models that answered the same queries.
    unfused = FUSED.missing(0 if store is None else len(store.models), 0)
    if unfused is not None:
        yield unfused


def _warnings(
    scenario: Scenario, shared: SharedEvidence, usefulness: Utility, outcome: _Outcome
) -> Iterator[AuditWarning]:
    audit = scenario.audit
    yield from leak_warnings(scenario.model.leaking if scenario.defence is not None else ())
    yield from guard_warnings(scenario.model.guard, audit.inputs)
    yield from row_warnings(audit, blind_auc(audit, shared.features), compared=can_compare_rows())
    yield from shadow_warnings(scenario.store, usefulness)
    yield from result_warnings(outcome.results, audit.member_share)
    yield from attacker_warnings(outcome.without, outcome.results)
    yield from chosen_warnings(outcome.results, scenario.store)
