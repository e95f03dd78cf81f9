"""What a query plan is: the queries for a row, and the numbers that an attacker reads off the answers.

A plan runs on the target and on the shadow models alike. It is prepared once, with the help of shadow models, and is
then the same for all of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from dynanoise_export.attacks.domain import Domain
from dynanoise_export.defences.base import Defence
from dynanoise_export.defences.guards.box_guard import ranges_of
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.types import Array, Arrays, Bools, Float32s, Float64s, Floats, Int64s

# The generator of a plan's random choices starts from here, so that the target and each shadow model get equal queries.
SEED = 20_181_207


@dataclass(frozen=True)
class Rows:
    """A block of b rows of the audit.

    Attributes:
        inputs: for each input of the model an array of b rows.
        y: int64 [b], the labels.
        numbers: int64 [b], the rows' numbers in the audit.
    """

    inputs: dict[str, Array]
    y: Int64s
    numbers: Int64s

    def __len__(self) -> int:
        return len(self.y)

    def generator(self) -> np.random.Generator:
        """Make a random generator that is the same whenever a plan reads these rows, from whatever model."""
        return np.random.default_rng([SEED, int(self.numbers[0])])


class Ask(Protocol):
    """Asks a model, the target or a shadow model behind the same defence."""

    def answers(self, inputs: Arrays) -> Floats:
        """Send each of b queries once.

        Returns:
            [b, k], log-probabilities after the attacker took back what can be taken back: the noisy logits, up to a
            constant for each query.
        """

    def mean(self, inputs: Arrays, count: int) -> Floats:
        """Send each of b queries `count` times, and average the answers; normalised as `answers`."""


@dataclass(frozen=True)
class Reading:
    """A number that a plan reads off the answers for each row. Larger numbers speak for a member.

    Attributes:
        name: for reports, such as "s·x, s = 16" or "label border, 13 labels".
        queries: how many queries for each row it takes. Queries that are the same for all rows don't count.
        domain: the narrowest domain that holds these queries.
        line: readings of one line share their queries: each takes the first ones of the line.
        labels_only: whether it looks at the labels of the answers alone.
    """

    name: str
    queries: int
    domain: Domain
    line: str
    labels_only: bool = False


@dataclass(frozen=True)
class PreparedPlan:
    """A plan with its settings.

    Attributes:
        readings: r of them.
        read: asks a model about a block of b rows, and gives the readings float64 [r, b].
        settings: what was chosen in preparation, in words; part of the key under which answers are cached.
    """

    readings: tuple[Reading, ...]
    read: Callable[[Ask, Rows], Float64s]
    settings: str = ""


class Panel(Protocol):
    """A few of the attacker's shadow models, kept open while plans are prepared.

    Attributes:
        trained_on: bool [p, n], whether a model was trained on a row.
    """

    trained_on: Bools

    def __len__(self) -> int:
        """Count the models, p."""

    def ask(self, model: int) -> Ask:
        """Ask a model behind the defence."""

    def logits(self, model: int, inputs: Arrays) -> Floats:
        """Ask a model without the defence: logits [b, k]."""

    def strength(self, plan: PreparedPlan) -> Float64s:
        """Measure how well each reading tells members from non-members: AUC [r].

        Each model plays the target in turn, on a sample of the rows, and BaVarIA judges with the others.
        """


@dataclass(frozen=True, eq=False)
class PlanContext:
    """What a plan is prepared with.

    Attributes:
        inputs: all n rows of the audit, an array for each input of the model.
        y: int64 [n], their labels.
        classes: k.
        domain: the narrowest domain of the rows.
        allowed: the domain that the attacker keeps to; `Domain.ANY` if he may send anything.
        budget: the most queries for a row.
        defence: of the target; None if it is undefended.
        noise: the defence's noise source; None if it has none, or if it is not known.
        panel: a few shadow models; None for an attacker without any.
    """

    inputs: Arrays
    y: Int64s
    classes: int
    domain: Domain
    allowed: Domain
    budget: int
    defence: Defence | None
    noise: NoiseSource | None
    panel: Panel | None

    @property
    def noisy(self) -> bool:
        """Whether answers have noise."""
        return self.defence is not None and self.defence.takes_noise

    @property
    def repeats(self) -> bool:
        """Whether a repeated query gets the same answer."""
        return not self.noisy or self.noise is NoiseSource.KEYED

    def allows(self, domain: Domain) -> bool:
        """Whether the attacker may send queries of a domain."""
        return self.allowed.holds(domain)


@dataclass(frozen=True)
class QueryPlan:
    """A plan of queries. It is found by its code in the registry `dynanoise_export.query_plans`.

    Attributes:
        code: its name in the registry, stable across versions.
        name: for reports.
        source: the paper that describes it.
        prepare: chooses the settings; gives no prepared plan if it does not apply to these rows, this domain, this
            defence or this budget, and several if it can keep to several domains.
        opt_in: whether it runs only if the user asks for it.
    """

    code: str
    name: str
    source: str
    prepare: Callable[[PlanContext], Sequence[PreparedPlan]]
    opt_in: bool = False


def margin(answers: Floats, y: Int64s) -> Float64s:
    """Compute the scaled confidence log(p / (1 - p)) of the labels.

    Args:
        answers: [b, k], log-probabilities or logits.
        y: int64 [b].

    Returns:
        float64 [b]: the label's logit less the logarithm of the summed exponentials of the others.
    """
    scores: Float64s = answers.astype(np.float64)
    rows = np.arange(len(y))
    label = scores[rows, y]
    scores[rows, y] = -np.inf
    largest = scores.max(axis=1)
    others = largest + np.log(np.exp(scores - largest[:, None]).sum(axis=1))
    return np.asarray(label - others)


def scales_of(inputs: Arrays) -> dict[str, float]:
    """Measure the standard deviation of the values of each input of floats."""
    floats = {name: array for name, array in inputs.items() if array.dtype.kind == "f"}
    # A few thousand rows are enough, so that a large bundle is not read whole.
    return {name: float(array[:4096].astype(np.float64).std()) or 1.0 for name, array in floats.items()}


def bounds_of(inputs: Arrays) -> dict[str, tuple[Float32s, Float32s]]:
    """Measure the range of each number of each input of floats: the smallest and the largest value in the rows."""
    found = {}
    for name, array in inputs.items():
        if array.dtype.kind == "f":
            low, high = ranges_of(array)
            found[name] = (low.astype(np.float32), high.astype(np.float32))
    return found
