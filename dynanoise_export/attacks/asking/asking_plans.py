"""Prepare all query plans, ask the target and the shadow models, and cache what comes back."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from threading import Lock

import numpy as np
from joblib import Parallel, cpu_count, delayed

from dynanoise_export.attacks.asking.client import Client
from dynanoise_export.attacks.asking.measuring import measure
from dynanoise_export.attacks.asking.response_cache import ResponseCache
from dynanoise_export.attacks.asking.shadow_ask import ShadowAsk, ShadowDefence
from dynanoise_export.attacks.asking.target_ask import TargetAsk
from dynanoise_export.attacks.audit import Audit
from dynanoise_export.attacks.plan_readings import PlanReading, PlanReadings, ShadowReadings
from dynanoise_export.attacks.queries.query_plan import PlanContext, PreparedPlan, QueryPlan
from dynanoise_export.attacks.shadow_panel import MODELS, ShadowPanel
from dynanoise_export.defences.base import Defence
from dynanoise_export.defences.guards.guard import Guard
from dynanoise_export.fixed_tensors import FixedTensor
from dynanoise_export.runtimes.provider import ON_CPU, Execution
from dynanoise_export.shadow_stores import ShadowStore
from dynanoise_export.sources.source_model import SourceOptions
from dynanoise_export.types import Float64s, Int64s, Progress, Step

# So many shadow models answer chosen queries: twice as many add next to nothing, and take twice as long.
MOST_ASKED = 32


@dataclass(frozen=True)
class PlannedQueries:
    """What is to be asked.

    Attributes:
        audit: the rows.
        context: what the plans are prepared with, without a panel.
        plans: the plans.
        store: the shadow models; None if there are none that can be asked.
        grids: of the target's keyed noise, as the file states them.
        options: what the files of the shadow models do not say.
        twice: whether the target is asked a second time, to see how much its readings vary.
        guard: on the target's inputs; None if there is none.
        execution: how ONNX Runtime runs the shadow models.
    """

    audit: Audit
    context: PlanContext
    plans: Sequence[QueryPlan]
    store: ShadowStore | None
    grids: tuple[float, ...]
    options: SourceOptions
    twice: bool
    guard: Guard | None = None
    execution: Execution = ON_CPU

    @property
    def rows(self) -> Int64s:
        """The numbers of the rows to ask about: those on which attacks are judged."""
        return np.flatnonzero(self.audit.judged)


@dataclass(frozen=True)
class _Prepared:
    plan: QueryPlan
    prepared: PreparedPlan


def ask_plans(
    planned: PlannedQueries,
    client: Client,
    caches: tuple[ResponseCache, ResponseCache],
    progress: Progress,
) -> PlanReadings:
    """Prepare the plans, and read them off the target and the shadow models.

    Args:
        planned: what is to be asked.
        client: of the target.
        caches: of the target's answers, and of the shadow models'.
        progress: called with each step, and with the number of queries sent.

    Raises:
        UserError: a model can't be opened, or does not take the queries.
    """
    with _panel(planned) as panel:
        context = replace(planned.context, panel=panel)
        prepared = list(_prepared(planned.plans, context, progress))
        own, again = _ask_target(planned, prepared, client, caches[0], progress)
        shadows = None if planned.store is None else _ask_shadows(planned, planned.store, prepared, caches[1], progress)
    flat = tuple(PlanReading(one.plan, reading) for one in prepared for reading in one.prepared.readings)
    return PlanReadings(flat, own, again, shadows, _queries(prepared))


@contextmanager
def _panel(planned: PlannedQueries) -> Iterator[ShadowPanel | None]:
    """Keep a few shadow models open while plans are prepared and run."""
    store = planned.store
    if store is None:
        yield None
        return
    with ExitStack() as opened:
        count = min(MODELS, len(store.models))
        asks = [opened.enter_context(_shadow(planned, store, model)) for model in range(count)]
        yield ShadowPanel(asks, store.kept[:count], planned.audit.inputs, planned.audit.y)


def _shadow(
    planned: PlannedQueries, store: ShadowStore, model: int, sent: Callable[[int], None] | None = None
) -> ShadowAsk:
    context = planned.context
    defended = ShadowDefence(context.defence, context.noise, planned.grids, planned.guard)
    return ShadowAsk(
        store.models[model], model, defended, options=planned.options, execution=planned.execution, sent=sent
    )


def _prepared(plans: Sequence[QueryPlan], context: PlanContext, progress: Progress) -> Iterator[_Prepared]:
    for plan in plans:
        progress(Step(f"Preparing queries: {plan.name}"))
        for one in plan.prepare(context):
            yield _Prepared(plan, one)


def _queries(prepared: Sequence[_Prepared]) -> int:
    """Count the queries for each row: readings of one line share theirs, also those of different plans."""
    lines: dict[str, int] = {}
    for one in prepared:
        for reading in one.prepared.readings:
            lines[reading.line] = max(lines.get(reading.line, 0), reading.queries)
    return sum(lines.values())


def _ask_target(
    planned: PlannedQueries, prepared: Sequence[_Prepared], client: Client, cache: ResponseCache, progress: Progress
) -> tuple[Float64s, Float64s | None]:
    times = 2 if planned.twice else 1
    counted = _Counter(times * len(planned.rows) * _queries(prepared), progress)
    rounds = [_ask_once(planned, prepared, client, cache, counted, repeat) for repeat in range(times)]
    return rounds[0], rounds[1] if planned.twice else None


def _ask_once(
    planned: PlannedQueries,
    prepared: Sequence[_Prepared],
    client: Client,
    cache: ResponseCache,
    counted: "_Counter",
    repeat: int,
) -> Float64s:
    # One object for all plans, which remember what they asked it.
    ask = TargetAsk(client, planned.context.defence, counted)
    found = []
    for one in prepared:
        counted.what = f"Sending queries: {one.plan.name}"
        stage = f"{one.plan.code} {_digest(planned, one)} {repeat}"
        expected = _queries([one]) * len(planned.rows)
        cached = cache.load(stage)
        if cached is None:
            readings = measure(one.prepared, ask, planned.audit.inputs, planned.audit.y, planned.rows)
            cache.save(stage, expected, readings=readings)
        else:
            counted.leave_out(expected)
            readings = cached["readings"].astype(np.float64)
        found.append(readings)
    return np.concatenate(found)


def _ask_shadows(
    planned: PlannedQueries,
    store: ShadowStore,
    prepared: Sequence[_Prepared],
    cache: ResponseCache,
    progress: Progress,
) -> ShadowReadings:
    queries = len(planned.rows) * _queries(prepared)
    models = range(min(MOST_ASKED, len(store.models)))
    counted = _Counter(len(models) * queries, progress, "Asking the shadow models")
    digest = hashlib.sha256("".join(_digest(planned, one) for one in prepared).encode()).hexdigest()

    def read(model: int) -> Float64s:
        stage = f"shadow-{model:03d} {digest}"
        cached = cache.load(stage)
        if cached is not None:
            counted.leave_out(queries)
            return cached["readings"].astype(np.float64)
        with _shadow(planned, store, model, counted) as ask:
            inputs, y = planned.audit.inputs, planned.audit.y
            readings = np.concatenate([measure(one.prepared, ask, inputs, y, planned.rows) for one in prepared])
        cache.save(stage, queries, readings=readings.astype(np.float32))
        return readings

    # Each model runs in one thread; the runtime does not hold Python's lock.
    workers = Parallel(n_jobs=cpu_count(), prefer="threads")
    values = np.stack(workers(delayed(read)(model) for model in models))
    return ShadowReadings(values, store.kept[: len(models), planned.rows])


class _Counter:
    """Counts queries of several threads, and shows them as one step."""

    def __init__(self, total: int, progress: Progress, what: str = "") -> None:
        self.what = what
        self._total, self._progress, self._lock, self._sent = total, progress, Lock(), 0

    def leave_out(self, queries: int) -> None:
        """Don't count queries whose answers are known."""
        with self._lock:
            self._total = max(0, self._total - queries)

    def __call__(self, queries: int) -> None:
        """Count queries that were sent."""
        with self._lock:
            # A plan may send more than it states, for rows that are hard to read.
            self._sent = min(self._sent + queries, self._total)
            self._progress(Step(self.what, self._sent, self._total, "queries"))


def _digest(planned: PlannedQueries, one: _Prepared) -> str:
    """Digest all that the answers to a plan depend on beside the model and the rows."""
    context, store = planned.context, planned.store
    defence = None if context.defence is None else _stated(context.defence)
    record = None if store is None else store.record
    guard = None if planned.guard is None else _stated_guard(planned.guard)
    parts = (one.plan.code, one.prepared.settings, one.prepared.readings, context.budget, context.allowed)
    stated = repr((*parts, defence, context.noise, planned.grids, guard, len(planned.rows), record))
    return hashlib.sha256(stated.encode()).hexdigest()


def _stated(defence: Defence) -> tuple[object, ...]:
    return type(defence).__name__, defence.parameters, _digests(defence.tensors)


def _stated_guard(guard: Guard) -> tuple[object, ...]:
    return guard.kind, [(name, _digests(tensors)) for name, tensors in guard.bounds.items()]


def _digests(tensors: Mapping[str, FixedTensor]) -> list[tuple[object, ...]]:
    """Give what tells tensors apart, in few characters."""
    return [(name, tensor.shape, hashlib.sha256(tensor.data).hexdigest()) for name, tensor in tensors.items()]
