"""Everything that an attacker asks a model, in stages that are kept one by one."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from dynanoise_export.attacks.audit import Audit
from dynanoise_export.attacks.queries.client import Client
from dynanoise_export.attacks.queries.response_cache import Cache
from dynanoise_export.attacks.queries.variants import TRANSFORMS, Variants, image_axes, moved, same, scales, transformed
from dynanoise_export.attacks.responses import Answers, gather, joined, merged
from dynanoise_export.runtimes.predictor import batches

# Told of the queries sent, of how many, and of which stage they are.
Progress = Callable[[int, int, str], None]

# How far near-duplicates lie from a row, in standard deviations of the input's values, and how many are asked.
DELTAS = (0.001, 0.01, 0.1)
NEIGHBOURS = 16
# Steps at which labels begin to change: what an attacker tries who sees labels alone (Choquette-Choo et al. 2021).
LABEL_DELTA = 0.5


@dataclass(frozen=True)
class Observations:
    """What an attacker was answered, for each of the n rows of an audit.

    Attributes:
        repeated: answers to the row itself, by how many were asked; 1 is among them.
        moved: answers to near-duplicates, by how far off they lie; empty for a model that takes no floats.
        shaken: answers to neighbours so far off that labels change, or None, likewise.
        transformed: answers to the image mirrored and shifted, or None where there is no image.
    """

    repeated: dict[int, Answers]
    moved: dict[float, Answers]
    shaken: Answers | None
    transformed: Answers | None

    @property
    def queries(self) -> int:
        """How many queries were sent for each row, in all."""
        others = [*self.moved.values(), *(a for a in (self.shaken, self.transformed) if a is not None)]
        return max(self.repeated) + sum(answers.count for answers in others)


@dataclass(frozen=True)
class _Stage:
    name: str
    variants: Variants
    count: int


def observe(
    client: Client, audit: Audit, repeats: Sequence[int], deltas: Sequence[float], cache: Cache, progress: Progress
) -> Observations:
    """Ask a model about all rows of an audit.

    Args:
        client: asks it.
        audit: the rows.
        repeats: how often to ask each row itself; asked once in any case.
        deltas: how far near-duplicates lie from a row, in standard deviations of the input's values.
        cache: keeps each stage's answers; what is there is not asked again.
        progress: told of the queries sent.

    Raises:
        UserError: the model does not take the rows, or gives no probabilities.
    """
    counts = sorted({1, *repeats})
    stages = list(_stages(audit, counts, deltas))
    kept = {stage.name: cache.load(stage.name) for stage in stages}
    total = sum(stage.count for stage in stages if kept[stage.name] is None) * len(audit)
    sent = 0

    def told(stage: str, queries: int) -> None:
        nonlocal sent
        sent += queries
        progress(sent, total, stage)

    known = {
        stage.name: kept[stage.name] or cache.save(stage.name, _ask(client, audit, stage, partial(told, stage.name)))
        for stage in stages
    }
    return Observations(
        repeated=_nested(counts, known),
        moved={delta: known[_moved(delta)] for delta in deltas if _moved(delta) in known},
        shaken=known.get("shaken"),
        transformed=known.get("transformed"),
    )


def _stages(audit: Audit, counts: list[int], deltas: Sequence[float]) -> Iterator[_Stage]:
    """List what to ask; each count of repeats goes on from the one before it."""
    for before, count in pairwise([0, *counts]):
        yield _Stage(_repeated(before, count), same(count - before), count - before)
    floats, images = scales(audit.inputs), image_axes(audit.inputs)
    if floats:
        for delta in deltas:
            yield _Stage(_moved(delta), moved(delta, NEIGHBOURS, floats), NEIGHBOURS)
        yield _Stage("shaken", moved(LABEL_DELTA, NEIGHBOURS, floats), NEIGHBOURS)
    if images:
        yield _Stage("transformed", transformed(images), TRANSFORMS)


def _ask(client: Client, audit: Audit, stage: _Stage, told: Callable[[int], None]) -> Answers:
    parts, start = [], 0
    for batch in batches(audit.inputs, client.batch):
        rows = len(next(iter(batch.values())))
        parts.append(gather(client, batch, audit.y[start : start + rows], stage.variants, told))
        start += rows
    return joined(parts)


def _nested(counts: list[int], known: dict[str, Answers]) -> dict[int, Answers]:
    so_far: Answers | None = None
    nested = {}
    for before, count in pairwise([0, *counts]):
        further = known[_repeated(before, count)]
        so_far = further if so_far is None else merged(so_far, further)
        nested[count] = so_far
    return nested


def _repeated(before: int, count: int) -> str:
    return f"repeated-{before}-{count}"


def _moved(delta: float) -> str:
    return f"moved-{delta:g}"
