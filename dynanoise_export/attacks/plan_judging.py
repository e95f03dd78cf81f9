"""Judge what query plans achieve: each reading scored in several ways, and fusions of all readings for each budget."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from dynanoise_export.attacks.attackers import Attacker
from dynanoise_export.attacks.domain import Domain
from dynanoise_export.attacks.fusion import FEWEST_SHADOWS, Fusion, Fusions
from dynanoise_export.attacks.judging import judge
from dynanoise_export.attacks.methods.attack import Attack
from dynanoise_export.attacks.metrics.thresholds import best_threshold
from dynanoise_export.attacks.plan_readings import PlanReading, PlanReadings
from dynanoise_export.attacks.queries.query_plan import Reading
from dynanoise_export.attacks.reading_scores import Score, scores_for
from dynanoise_export.attacks.results import Result, ThresholdOrigin
from dynanoise_export.types import Bools, Float64s

REDRAWS = 20
# The code of the plan of a fusion.
FUSION = "fusion"


def _needs_readings(_: object) -> Float64s:
    raise NotImplementedError("a fusion is scored by plan_judging")


FUSED = Attack(
    FUSION,
    "fusion of several readings",
    "after Carlini et al. 2022",
    _needs_readings,
    shadows=FEWEST_SHADOWS,
    package="sklearn",
)


@dataclass(frozen=True)
class PlanResult:
    """A result, and how its scores follow from the target's readings [r, n]."""

    result: Result
    score: Callable[[Float64s], Float64s]


@dataclass(frozen=True)
class Judged:
    """What plans are judged with.

    Attributes:
        readings: of all plans.
        member: bool [n], the truth.
        defended: whether the target is defended.
        budgets: the budgets for which a fusion is fitted, rising.
        domain: the narrowest domain of the rows.
    """

    readings: PlanReadings
    member: Bools
    defended: bool
    budgets: Sequence[int]
    domain: Domain


def judge_plans(judged: Judged) -> Iterator[PlanResult]:
    """Judge each reading in each way, and the fusions."""
    ways = scores_for(judged.readings)
    for number, one in enumerate(judged.readings.readings):
        for attack, score in ways:
            yield _judge_reading(judged, number, one, attack, score)
    shadows = judged.readings.shadows
    if FUSED.missing(0 if shadows is None else len(shadows), 0) is None:
        yield from _judge_fusions(judged)


def _judge_reading(judged: Judged, number: int, one: PlanReading, attack: Attack, score: Score) -> PlanResult:
    readings, reading = judged.readings, one.reading
    shadows = readings.shadows
    values = np.zeros((0, 0)) if shadows is None else shadows.values[:, number]
    trained_on = np.zeros((0, 0), bool) if shadows is None else shadows.trained_on

    def scored(own: Float64s) -> Float64s:
        return score(own[number], values, trained_on)

    attacker = Attacker(
        reading.name,
        judged.defended,
        judged.defended,
        reading.queries,
        reading.domain,
        reading.labels_only,
        one.plan.code,
    )
    threshold, origin = None, ThresholdOrigin.JUDGED_ROWS
    if shadows is not None:
        others = slice(1, None)
        threshold = best_threshold(score(values[0], values[others], trained_on[others]), trained_on[0])
        origin = ThresholdOrigin.SHADOW_MODELS
    return _result(judged, attack, attacker, scored, threshold, origin)


def _judge_fusions(judged: Judged) -> Iterator[PlanResult]:
    """Fuse, for each budget, all readings, those inside the domain of the rows, and those of labels alone."""
    fusions = Fusions(judged.readings)
    kinds: dict[str, Callable[[Reading], bool]] = {
        "": lambda reading: True,
        f", {judged.domain}": lambda reading: judged.domain.holds(reading.domain),
        ", labels alone": lambda reading: reading.labels_only,
    }
    seen: set[tuple[int, ...]] = set()
    for budget in judged.budgets:
        for kind, keep in kinds.items():
            fusion = fusions.fit(budget, keep)
            if fusion is not None and tuple(sorted(fusion.parts)) not in seen:
                seen.add(tuple(sorted(fusion.parts)))
                yield _judge_fusion(judged, fusions, fusion, kind)


def _judge_fusion(judged: Judged, fusions: Fusions, fusion: Fusion, kind: str) -> PlanResult:
    parts = [judged.readings.readings[part].reading for part in fusion.parts]
    domains = {part.domain for part in parts}
    widest = next((one for one in (Domain.ANY, Domain.BOX) if one in domains), parts[0].domain)
    attacker = Attacker(
        f"fusion of {len(parts)} readings{kind}",
        judged.defended,
        judged.defended,
        fusion.queries,
        widest,
        all(part.labels_only for part in parts),
        FUSION,
        tuple(part.name for part in parts),
    )
    return _result(judged, FUSED, attacker, partial(fusions.score, fusion), 0.0, ThresholdOrigin.SHADOW_MODELS)


def _result(
    judged: Judged,
    attack: Attack,
    attacker: Attacker,
    score: Callable[[Float64s], Float64s],
    threshold: float | None,
    origin: ThresholdOrigin,
) -> PlanResult:
    scores = np.nan_to_num(score(judged.readings.own))
    if threshold is None:
        threshold = best_threshold(scores, judged.member)
    return PlanResult(judge(attack, attacker, scores, judged.member, threshold, origin), score)


def redraw_plan(plan: PlanResult, readings: PlanReadings) -> list[Float64s]:
    """Give the scores on other answers that the target could have given; none if it repeats its answers.

    Two readings of a row differ by their noise. Each redraw adds a random multiple of that difference, the same for
    all readings of a row.
    """
    if readings.again is None or np.array_equal(readings.own, readings.again):
        return []
    generator = np.random.default_rng(0)
    apart = (readings.own - readings.again) / np.sqrt(2)
    rows = readings.own.shape[1]
    return [np.nan_to_num(plan.score(readings.own + generator.standard_normal(rows) * apart)) for _ in range(REDRAWS)]
