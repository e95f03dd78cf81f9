"""Query the attacked model and the undefended one: the rows themselves, and the queries of all plans."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from dynanoise_export.attacks.asking.asking_plans import PlannedQueries, ask_plans
from dynanoise_export.attacks.asking.client import Client, ReferenceClient, SessionClient
from dynanoise_export.attacks.asking.response_cache import ResponseCache
from dynanoise_export.attacks.asking.sending import send_repeats
from dynanoise_export.attacks.domain import Domain, find_domain
from dynanoise_export.attacks.plan_readings import PlanReadings
from dynanoise_export.attacks.queries.query_plan import PlanContext, QueryPlan
from dynanoise_export.attacks.responses import ModelResponses
from dynanoise_export.attacks.sanity import require_sound_answers
from dynanoise_export.attacks.scenario import Scenario, require_fits
from dynanoise_export.deployed.session import Session
from dynanoise_export.files import sha256
from dynanoise_export.runtimes.provider import ON_CPU, Execution
from dynanoise_export.shadow_stores import RECORD
from dynanoise_export.sources.reference_model import Reference
from dynanoise_export.sources.score_options import ScoreOptions
from dynanoise_export.sources.source_model import SourceOptions
from dynanoise_export.types import Progress, Step


@dataclass(frozen=True)
class QueryOptions:
    """What the user chose for the queries.

    Attributes:
        repeats: how often to send each row itself, a number for each attacker.
        budget: the most queries for each row of one attacker.
        domain: the domain that attackers keep to.
        plans: the query plans.
        cache: the folder for answers; None for none.
        force: whether to go on if the answers do not fit the labels.
        twice: whether the plans' queries are sent a second time, to see how much the readings vary.
        execution: how ONNX Runtime runs the shadow models.
    """

    repeats: Sequence[int]
    budget: int
    domain: Domain
    plans: Sequence[QueryPlan]
    cache: Path | None
    force: bool
    twice: bool
    execution: Execution = ON_CPU


@dataclass(frozen=True)
class Answered:
    """All that the models answered.

    Attributes:
        model: the responses of the attacked model to the rows themselves.
        plain: those of the undefended model; None without a reference.
        readings: of the query plans.
        caches: where answers were looked for.
    """

    model: ModelResponses
    plain: ModelResponses | None
    readings: PlanReadings
    caches: tuple[ResponseCache, ...]


def query(scenario: Scenario, options: QueryOptions, progress: Progress) -> Answered:
    """Query the models, after their first answers show that they fit the rows.

    Raises:
        UserError: a model does not take the rows, or its answers do not fit the labels.
    """
    model, defence, source, audit = scenario.model, scenario.defence, scenario.source, scenario.audit
    caches = [ResponseCache(options.cache, _run_as(model.sha256, options.execution), audit.asked)]
    with ExitStack() as opened:
        target = SessionClient(opened.enter_context(Session(model)), defended=defence is not None)
        require_fits(target, scenario)
        plain = None if source is None else ReferenceClient(opened.enter_context(Reference(source)))
        if plain is not None:
            require_fits(plain, scenario)
        if not options.force:
            require_sound_answers(target, plain, scenario)
        progress(Step("Querying the model"))
        # Without noise there is nothing to average.
        counts = options.repeats if defence is not None and defence.takes_noise else (1,)
        responses = send_repeats(target, audit, counts, caches[0], progress=progress)
        undefended = None
        if plain is not None and source is not None:
            progress(Step("Querying the undefended model"))
            caches.append(ResponseCache(options.cache, source.sha256, audit.asked))
            undefended = send_repeats(plain, audit, (1,), caches[-1], progress=progress)
        classes = responses.repeated[1].log_p.shape[1]
        caches.append(_shadow_cache(scenario, options))
        readings = _ask_plans(scenario, options, target, classes, (caches[0], caches[-1]), progress)
    return Answered(responses, undefended, readings, tuple(caches))


def _ask_plans(
    scenario: Scenario,
    options: QueryOptions,
    target: Client,
    classes: int,
    caches: tuple[ResponseCache, ResponseCache],
    progress: Progress,
) -> PlanReadings:
    audit, model, store = scenario.audit, scenario.model, scenario.store
    noise = model.noise if scenario.defence is not None else None
    context = PlanContext(
        audit.inputs,
        audit.y,
        classes,
        find_domain(audit.inputs),
        options.domain,
        options.budget,
        scenario.defence,
        noise,
        None,
    )
    askable = store if store is not None and store.models else None
    binary = bool(store is not None and store.record.get("binary"))
    planned = PlannedQueries(
        audit,
        context,
        options.plans,
        askable,
        () if model.provenance is None else model.provenance.grids,
        SourceOptions(rows=audit.inputs, scores=ScoreOptions(binary=binary)),
        options.twice and not context.repeats,
        model.guard if scenario.defence is not None else None,
        options.execution,
    )
    return ask_plans(planned, target, caches, progress)


def _shadow_cache(scenario: Scenario, options: QueryOptions) -> ResponseCache:
    """Make the cache for the answers of the shadow models, under the digest of their store's record."""
    store = scenario.store
    digest = None if store is None else f"shadow models {sha256(store.path / RECORD)}"
    return ResponseCache(options.cache, _run_as(digest, options.execution), scenario.audit.asked)


def _run_as(digest: str | None, execution: Execution) -> str | None:
    """Tell apart what a model answers when it runs in another way: TF32, for one, moves its answers."""
    return digest if digest is None or execution == ON_CPU else f"{digest} {execution}"
