"""Attack a deployed model: open it, query it, attack with the answers, judge the attacks, report."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from threadpoolctl import threadpool_limits

from dynanoise_export.attacks.attack_report import AttackReport
from dynanoise_export.attacks.attacker_evidence import SharedEvidence, evidence_of, share_evidence
from dynanoise_export.attacks.attackers import attackers_of
from dynanoise_export.attacks.audit_warnings import (
    AuditWarning,
    attacker_warnings,
    cache_warnings,
    leak_warnings,
    result_warnings,
    row_warnings,
    shadow_warnings,
)
from dynanoise_export.attacks.blind import blind_auc, can_compare_rows
from dynanoise_export.attacks.gates import JudgedGate, judge_gates, parse_gates, require_enough_rows
from dynanoise_export.attacks.judging import run_attacks
from dynanoise_export.attacks.methods.attack import SkippedAttack
from dynanoise_export.attacks.methods.attack_catalogue import ATTACKS
from dynanoise_export.attacks.metrics.auc import auc_difference
from dynanoise_export.attacks.part_results import results_by_class, results_by_group
from dynanoise_export.attacks.queries.client import Client, ReferenceClient, SessionClient
from dynanoise_export.attacks.queries.query_plan import plan_queries
from dynanoise_export.attacks.queries.response_cache import ResponseCache, cached_answers
from dynanoise_export.attacks.queries.sending import send_queries
from dynanoise_export.attacks.redraws import FEWEST_ANSWERS, Redraws
from dynanoise_export.attacks.responses import ModelResponses
from dynanoise_export.attacks.results import Result, counterpart, strongest
from dynanoise_export.attacks.sanity import require_sound_answers
from dynanoise_export.attacks.scenario import Scenario, open_scenario, require_fits
from dynanoise_export.attacks.shadow_models import require_all_shadows
from dynanoise_export.attacks.tradeoff import tradeoffs
from dynanoise_export.attacks.utility import Utility, cost, utility
from dynanoise_export.defences.base import Defence
from dynanoise_export.deployed.open_deployed import open_deployed
from dynanoise_export.deployed.session import Session
from dynanoise_export.runtimes.provider import Provider
from dynanoise_export.sources.reference_model import Reference
from dynanoise_export.sources.source_model import SourceOptions
from dynanoise_export.types import Progress, Step, no_progress

QUERIES = (1, 16, 256)


def attack(
    model: str | Path,
    data: str | Path,
    *,
    shadows: str | Path | None = None,
    reference: str | Path | None = None,
    queries: Sequence[int] = QUERIES,
    defence: Defence | None = None,
    source_options: SourceOptions | None = None,
    max_auc: float | None = None,
    max_tpr: Sequence[str] = (),
    require_shadows: bool = False,
    force: bool = False,
    cache: str | Path | None = None,
    provider: Provider | str | None = None,
    progress: Progress = no_progress,
) -> AttackReport:
    """Attack a deployed model as its clients could.

    Args:
        model: the path of an ONNX file or plan, or the URL of a model on a server; defended or not.
        data: the path of a bundle with labels and membership.
        shadows: the path of a store of shadow models of the same bundle.
        reference: the path of the undefended model, in any format that `export` opens, to compare with.
        queries: how often an attacker sends each row itself and averages the answers, a number for each attacker.
        defence: the model's, if it does not state it; it replaces what the model states.
        source_options: what the reference's own file does not say.
        max_auc: a gate: the AUC that no attack's interval may exceed.
        max_tpr: gates of the form TPR@FPR, as in 0.01@0.001: the TPR that no attack's interval may exceed at that FPR.
        require_shadows: refuse to attack without the shadow models that the strongest attacks need.
        force: attack even if the model's accuracy on members is near chance, or far from what is known of the model.
        cache: the path of a folder for the model's answers, so that a second run sends no query twice; None for none.
        provider: what ONNX Runtime runs an ONNX file on: cpu, cuda or tensorrt; None for the CPU.
        progress: called with each step, and with the number of queries sent.

    Returns:
        The report; `worst` is the strongest attack, `passed` says whether all gates hold.

    Raises:
        UserError: one of the files or options can't be used.
    """
    gates = parse_gates(max_auc, max_tpr)
    progress(Step("Opening the model and the rows"))
    deployed = open_deployed(model, provider)
    scenario = open_scenario(
        deployed, data, defence=defence, reference=reference, source_options=source_options, shadows=shadows
    )
    for gate in gates:
        require_enough_rows(gate, scenario.audit)
    if require_shadows:
        require_all_shadows(scenario.store)
    # A gate must know how much the answers to a row differ.
    repeats = (*queries, FEWEST_ANSWERS) if gates and max(queries) < FEWEST_ANSWERS else queries
    responses = _query(scenario, repeats, None if cache is None else Path(cache), progress, force=force)
    progress(Step("Preparing the evidence"))
    shared = share_evidence(scenario.audit, scenario.defence, scenario.store)
    # The attacks are many small tasks: more threads gain nothing, and cost minutes when other programs run too.
    with threadpool_limits(1):
        without = _attack(responses.plain, None, shared, progress)
        results = _attack(responses.model.asked(queries), scenario.defence, shared, progress)
        member = shared.audit.member[shared.audit.judged]
        judged = judge_gates(gates, results, member, Redraws(responses.model, scenario.defence, shared))
    return _report(scenario, responses, shared, [_with_gain(r, without) for r in results], without, judged)


@dataclass(frozen=True)
class _BothResponses:
    """The responses of the attacked model, and those of the undefended model or None; and what was cached of them."""

    model: ModelResponses
    plain: ModelResponses | None
    caches: tuple[ResponseCache, ...]


def _query(
    scenario: Scenario, repeats: Sequence[int], cache: Path | None, progress: Progress, *, force: bool
) -> _BothResponses:
    """Query the attacked model and the undefended model, after their first answers show that they fit the rows."""
    caches: list[ResponseCache] = []

    def send(client: Client, defence: Defence | None, digest: str | None) -> ModelResponses:
        plan = plan_queries(scenario.audit.inputs, defence, repeats)
        caches.append(ResponseCache(cache, digest, scenario.audit.sha256))
        return send_queries(client, scenario.audit, plan, caches[-1], progress=progress)

    model, defence, source = scenario.model, scenario.defence, scenario.source
    with ExitStack() as opened:
        target = SessionClient(opened.enter_context(Session(model)), defended=defence is not None)
        require_fits(target, scenario)
        if source is None:
            if not force:
                require_sound_answers(target, None, scenario)
            progress(Step("Querying the model"))
            return _BothResponses(send(target, defence, model.sha256), None, tuple(caches))
        plain = ReferenceClient(opened.enter_context(Reference(source)))
        require_fits(plain, scenario)
        if not force:
            require_sound_answers(target, plain, scenario)
        progress(Step("Querying the model"))
        responses = send(target, defence, model.sha256)
        progress(Step("Querying the undefended model"))
        return _BothResponses(responses, send(plain, None, source.sha256), tuple(caches))


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
    scenario: Scenario,
    responses: _BothResponses,
    shared: SharedEvidence,
    results: Sequence[Result],
    without: Sequence[Result],
    judged: Sequence[JudgedGate],
) -> AttackReport:
    audit, answers = scenario.audit, responses.model.repeated[1]
    plain_answers = None if responses.plain is None else responses.plain.repeated[1]
    usefulness = utility(audit, answers)
    paid = None if plain_answers is None else cost(audit, plain_answers, answers)
    worst = strongest(results)
    return AttackReport(
        model=scenario.model,
        defence=scenario.defence,
        audit=audit,
        reference=None if scenario.source is None else str(scenario.source.path),
        store=scenario.store,
        results=tuple(results),
        without=tuple(without),
        skipped=tuple(_skipped(scenario)),
        queries_per_row=responses.model.queries_per_row,
        utility=usefulness,
        plain_utility=None if plain_answers is None else utility(audit, plain_answers),
        cost=paid,
        tradeoffs=() if paid is None else tuple(tradeoffs(without, results, paid.accuracy_lost.value)),
        cached=cached_answers(responses.caches),
        warnings=(*cache_warnings(responses.caches), *_warnings(scenario, shared, usefulness, results, without)),
        by_class=results_by_class(worst, audit, answers),
        by_group=results_by_group(worst, audit, answers),
        gates=tuple(judged),
    )


def _skipped(scenario: Scenario) -> Iterator[SkippedAttack]:
    shadows = 0 if scenario.store is None else len(scenario.store.kept)
    auxiliary = int((~scenario.audit.judged).sum())
    for _, method in ATTACKS.all():
        missing = method.missing(shadows, auxiliary)
        if missing is not None:
            yield missing


def _warnings(
    scenario: Scenario,
    shared: SharedEvidence,
    usefulness: Utility,
    results: Sequence[Result],
    without: Sequence[Result],
) -> Iterator[AuditWarning]:
    audit = scenario.audit
    yield from leak_warnings(scenario.model.leaking if scenario.defence is not None else ())
    yield from row_warnings(audit, blind_auc(audit, shared.features), compared=can_compare_rows())
    yield from shadow_warnings(scenario.store, usefulness)
    yield from result_warnings(results, audit.member_share)
    yield from attacker_warnings(without, results)
