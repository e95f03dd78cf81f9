"""The readings of all query plans, from the target and from the shadow models."""

from dataclasses import dataclass

from dynanoise_export.attacks.queries.query_plan import QueryPlan, Reading
from dynanoise_export.types import Bools, Float64s


@dataclass(frozen=True)
class PlanReading:
    """A reading, and the plan that it belongs to."""

    plan: QueryPlan
    reading: Reading


@dataclass(frozen=True)
class ShadowReadings:
    """What the shadow models answered to the very same queries.

    Attributes:
        values: float64 [m, r, n], of m models.
        trained_on: bool [m, n], whether a model was trained on a row.
    """

    values: Float64s
    trained_on: Bools

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class PlanReadings:
    """The readings of the n judged rows.

    Attributes:
        readings: r of them.
        own: float64 [r, n], of the target.
        again: float64 [r, n], of the target asked a second time, to see how much they vary; None if it was not.
        shadows: of the shadow models; None if none could be asked.
        queries_per_row: how many queries the target got for each row, in all.
    """

    readings: tuple[PlanReading, ...]
    own: Float64s
    again: Float64s | None
    shadows: ShadowReadings | None
    queries_per_row: int
