"""Send the queries of a plan, one stage after the other, and cache what comes back."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from dynanoise_export.attacks.audit import Audit
from dynanoise_export.attacks.queries.client import Client
from dynanoise_export.attacks.queries.query_plan import QueryPlan, Stage
from dynanoise_export.attacks.queries.response_cache import ResponseCache
from dynanoise_export.attacks.responses import ModelResponses, Responses, joined, merged, summarise
from dynanoise_export.runtimes.predictor import batches
from dynanoise_export.types import Arrays, Float32s, Progress, Step, no_progress, row_count


def send_queries(
    client: Client, audit: Audit, plan: QueryPlan, cache: ResponseCache, *, progress: Progress = no_progress
) -> ModelResponses:
    """Query a model about all rows of an audit.

    Args:
        client: of the model.
        audit: the rows.
        plan: what to send.
        cache: of earlier responses, whose queries are not sent again; each stage is added when it is complete.
        progress: called with the number of queries sent.

    Raises:
        UserError: the model does not take the rows, or its answers are not probabilities.
    """
    cached = {stage.name: cache.load(stage.name) for stage in plan.stages}
    total = sum(stage.count for stage in plan.stages if cached[stage.name] is None) * len(audit)
    sent = 0

    def send(stage: Stage) -> Responses:
        known = cached[stage.name]
        return known or cache.save(stage.name, _send_stage(client, audit, stage, lambda rows: count(stage, rows)))

    def count(stage: Stage, rows: int) -> None:
        nonlocal sent
        sent += rows
        progress(Step(f"Sending queries: {stage.name}", sent, total, "queries"))

    return ModelResponses(
        repeated=_running_totals([send(stage) for stage in plan.repeats]),
        near_duplicates={distance: send(stage) for distance, stage in plan.near_duplicates.items()},
        neighbours=None if plan.neighbours is None else send(plan.neighbours),
        transformed=None if plan.transformed is None else send(plan.transformed),
    )


def _send_stage(client: Client, audit: Audit, stage: Stage, sent: Callable[[int], None]) -> Responses:
    parts, start = [], 0
    for rows in batches(audit.inputs, client.batch):
        y = audit.y[start : start + row_count(rows)]
        parts.append(summarise(y, _answers(client, stage.variants(rows), sent)))
        start += len(y)
    return joined(parts)


def _answers(client: Client, queries: Iterable[Arrays], sent: Callable[[int], None]) -> Iterator[Float32s]:
    for rows in queries:
        yield client.log_probabilities(rows)
        sent(row_count(rows))


def _running_totals(parts: Sequence[Responses]) -> dict[int, Responses]:
    """Merge each part with all before it; give the merged responses by their number for each row."""
    found: dict[int, Responses] = {}
    so_far: Responses | None = None
    for part in parts:
        so_far = part if so_far is None else merged(so_far, part)
        found[so_far.count] = so_far
    return found
