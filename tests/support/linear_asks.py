"""A linear model that is asked as a target or a shadow model is, and keeps what it was sent."""

import numpy as np

from dynanoise_export.attacks.domain import Domain, find_domain
from dynanoise_export.attacks.queries.query_plan import Panel, PlanContext, PreparedPlan, Rows
from dynanoise_export.types import Arrays, Float64s


class LinearAsk:
    """Two classes with the margin x · weights + bias for class 0, and noise on it.

    Attributes:
        sent: every batch of queries.
    """

    def __init__(self, weights, bias=0.0, noise=0.0):
        self._weights, self._bias, self._noise = weights, bias, noise
        self._generator = np.random.default_rng(7)
        self.sent: list[dict[str, np.ndarray]] = []

    def answers(self, inputs):
        self.sent.append({name: array.copy() for name, array in inputs.items()})
        margins = inputs["x"].astype(np.float64) @ self._weights + self._bias
        margins = margins + self._noise * self._generator.standard_normal(len(margins))
        return np.stack([-np.logaddexp(0, -margins), -np.logaddexp(0, margins)], axis=1)

    def mean(self, inputs, count):
        raise NotImplementedError


class StubPanel:
    """A panel on which a table says how strong each reading is.

    Args:
        strength_of: maps the name of a reading to its AUC.
        largest: inputs beyond it make the logits of its models overflow.
    """

    trained_on = np.zeros((2, 0), dtype=bool)

    def __init__(self, strength_of, largest=np.inf):
        self._strength_of, self._largest = strength_of, largest

    def __len__(self):
        return 2

    def ask(self, model):
        raise NotImplementedError

    def logits(self, model, inputs):
        return np.where(np.abs(inputs["x"]) > self._largest, np.nan, inputs["x"])

    def strength(self, plan: PreparedPlan) -> Float64s:
        return np.array([self._strength_of(reading.name) for reading in plan.readings])


def plan_context(
    inputs: Arrays, *, allowed: Domain = Domain.ANY, budget: int = 64, panel: Panel | None = None
) -> PlanContext:
    """Make a context of two classes without a defence."""
    rows = len(next(iter(inputs.values())))
    y = np.arange(rows) % 2
    return PlanContext(inputs, y, 2, find_domain(inputs), allowed, budget, None, None, panel)


def block(inputs: Arrays, y: np.ndarray | None = None) -> Rows:
    """Make one block of all rows, with label 0 unless given."""
    rows = len(next(iter(inputs.values())))
    return Rows(dict(inputs), np.zeros(rows, dtype=np.int64) if y is None else y, np.arange(rows))
