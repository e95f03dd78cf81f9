"""Send each row of an audit itself, once and several times, and cache what comes back."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from dynanoise_export.attacks.asking.client import Client
from dynanoise_export.attacks.asking.response_cache import ResponseCache
from dynanoise_export.attacks.audit import Audit
from dynanoise_export.attacks.responses import ModelResponses, Responses, joined, merged, summarise
from dynanoise_export.runtimes.predictor import batches
from dynanoise_export.types import Arrays, Float32s, Progress, Step, no_progress, row_count


def send_repeats(
    client: Client, audit: Audit, counts: Sequence[int], cache: ResponseCache, *, progress: Progress = no_progress
) -> ModelResponses:
    """Send the rows of an audit to a model.

    Args:
        client: of the model.
        audit: the rows.
        counts: how often to send each row, a number for each attacker; it is sent once in any case.
        cache: of earlier responses, whose queries are not sent again; each stage is added when it is complete.
        progress: called with the number of queries sent.

    Raises:
        UserError: the model does not take the rows, or its answers are not probabilities.
    """
    # Each stage goes on from the one before it.
    stages = list(pairwise([0, *sorted({1, *counts})]))
    cached = {stage: _cached(cache, stage) for stage in stages}
    total = sum(count - before for before, count in stages if cached[before, count] is None) * len(audit)
    sent, found = 0, {}
    so_far: Responses | None = None

    def count_rows(rows: int) -> None:
        nonlocal sent
        sent += rows
        progress(Step("Sending the rows", sent, total, "queries"))

    for stage in stages:
        part = cached[stage] or _asked(client, audit, stage, cache, count_rows)
        so_far = part if so_far is None else merged(so_far, part)
        found[so_far.count] = so_far
    return ModelResponses(found)


def _cached(cache: ResponseCache, stage: tuple[int, int]) -> Responses | None:
    arrays = cache.load(_name(stage))
    if arrays is None:
        return None
    log_p, spread, correct = (arrays[name] for name in ("log_p", "spread", "correct"))
    return Responses(log_p.astype(np.float32), spread.astype(np.float32), correct.astype(np.int32), stage[1] - stage[0])


def _asked(
    client: Client, audit: Audit, stage: tuple[int, int], cache: ResponseCache, sent: Callable[[int], None]
) -> Responses:
    parts, start, count = [], 0, stage[1] - stage[0]
    for rows in batches(audit.inputs, client.batch):
        y = audit.y[start : start + row_count(rows)]
        parts.append(summarise(y, (_answer(client, rows, sent) for _ in range(count))))
        start += len(y)
    made = joined(parts)
    cache.save(_name(stage), count * len(audit), log_p=made.log_p, spread=made.spread, correct=made.correct)
    return made


def _answer(client: Client, rows: Arrays, sent: Callable[[int], None]) -> Float32s:
    answers = client.log_probabilities(rows)
    sent(row_count(rows))
    return answers


def _name(stage: tuple[int, int]) -> str:
    return f"repeats-{stage[0]}-{stage[1]}"
