"""Whether a model's answers fit the labels at all: judged on a few members, before an audit sends its queries."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from dynanoise_export.attacks.asking.client import Client
from dynanoise_export.attacks.audit import Audit
from dynanoise_export.attacks.scenario import Scenario
from dynanoise_export.errors import DataError
from dynanoise_export.runtimes.predictor import batches
from dynanoise_export.types import Float32s, Floats, Int64s

# How many members are asked once, and with how few nothing is judged.
SAMPLE, FEWEST = 512, 20
# An accuracy within so many standard deviations of chance is near it.
DEVIATIONS = 2.0
# An accuracy that differs by more from what is known of the model is far from it: noise and training explain less.
FAR = 0.25
# Another reading of the labels explains a failure if it gives so much more accuracy than chance.
EXPLAINS = 0.3
# The share of one class among the answers from which on they say next to nothing about the row.
ONE_CLASS = 0.9
# How many shadow models say which accuracy to expect.
SHADOWS = 8


@dataclass(frozen=True)
class Agreement:
    """How well the answers to n rows fit their labels.

    Attributes:
        rows: n.
        accuracy: the share of answers with the row's label.
        chance: the share that would have it if answers and labels were independent.
    """

    rows: int
    accuracy: float
    chance: float

    @property
    def near_chance(self) -> bool:
        """Whether chance explains the accuracy; False if there are too few rows to say so."""
        deviation = np.sqrt(self.chance * (1 - self.chance) / self.rows)
        return self.rows >= FEWEST and self.accuracy <= self.chance + DEVIATIONS * deviation


def agreement(answered: Int64s, y: Int64s) -> Agreement:
    """Compare answers with labels.

    Args:
        answered: int64 [n], the class with the largest probability.
        y: int64 [n], the labels.

    Source: Cohen 1960 for the chance, which a class that most rows have does not deceive.
    """
    classes = int(max(answered.max(), y.max())) + 1
    given, true = (np.bincount(values, minlength=classes) / len(y) for values in (answered, y))
    return Agreement(len(y), float((answered == y).mean()), float(given @ true))


def likely_cause(answered: Int64s, y: Int64s) -> str:
    """Say, as a clause, what probably went wrong if the answers do not fit the labels."""
    for step in (1, -1):
        shifted = agreement(answered, y + step) if (y + step).min() >= 0 else None
        if shifted is not None and shifted.accuracy > shifted.chance + EXPLAINS:
            return f"the labels seem to be shifted by one: {'add' if step > 0 else 'subtract'} 1"
    if np.bincount(answered).max() > ONE_CLASS * len(answered):
        return (
            f"nearly all answers are the class {np.bincount(answered).argmax()}, so the values seem to be scaled "
            "otherwise than in training"
        )
    if _reordered(answered, y):
        return "the labels seem to number the classes in another order than the model"
    return "compare the labels, the order of the classes and the scale of the values with those of the training"


def require_sound_answers(target: Client, plain: Client | None, scenario: Scenario) -> None:
    """Check, before many queries are sent, that the answers to members fit their labels and what is known of the model.

    Args:
        target: of the attacked model.
        plain: of the undefended model, or None.
        scenario: the rows, the defence, the shadow models.

    Raises:
        DataError: the accuracy is near chance, or far from that of the undefended model or of the shadow models behind
            the same defence.
    """
    rows = _Sample(scenario.audit)
    reference = None
    if plain is not None:
        reference = rows.answers(plain)
        _require_above_chance(plain, rows, reference, "")
    answers = rows.answers(target)
    noisy = scenario.defence is not None and scenario.defence.takes_noise
    if reference is None:  # with a reference it is known that the labels fit, and noise may be as large as it likes
        _require_above_chance(target, rows, answers, ", or lower the noise if it is that large" if noisy else "")
    expected = _of_shadow_models(scenario, rows) if reference is None else _defended(scenario, rows, reference)
    found = _accuracy(answers, rows.y)
    if expected is not None and len(rows.y) >= FEWEST and abs(found - expected) > FAR:
        known = "shadow models" if reference is None else "reference"
        raise DataError(
            f"{target.name} has an accuracy of {found:.1%} on {len(rows.y):,} members of {rows.path}, but by the "
            f"{known} it should be {expected:.1%}: give the {known} and the defence of this very model, or --force."
        )


class _Sample:
    """Some members of an audit, evenly from the first to the last.

    Attributes:
        path: of the audit.
        chosen: int64 [n], the numbers of the rows.
        y: int64 [n], their labels.
    """

    def __init__(self, audit: Audit) -> None:
        members = np.flatnonzero(audit.member & audit.judged)
        self.path = audit.path
        self.chosen: Int64s = members[np.linspace(0, len(members) - 1, min(SAMPLE, len(members))).astype(np.int64)]
        self.y: Int64s = audit.y[self.chosen]
        self._inputs = {name: array[self.chosen] for name, array in audit.inputs.items()}

    def answers(self, client: Client) -> Float32s:
        """Ask for each row once, and get log-probabilities float32 [n, k]."""
        return np.concatenate([client.log_probabilities(batch) for batch in batches(self._inputs, client.batch)])


def _require_above_chance(client: Client, rows: _Sample, answers: Float32s, otherwise: str) -> None:
    answered = answers.argmax(axis=1)
    found = agreement(answered, rows.y)
    if found.near_chance:
        raise DataError(
            f"{client.name} has an accuracy of {found.accuracy:.1%} on {found.rows:,} members of {rows.path}, near "
            f"chance ({found.chance:.1%}): {likely_cause(answered, rows.y)}{otherwise}, or give --force."
        )


def _defended(scenario: Scenario, rows: _Sample, reference: Float32s) -> float:
    """Compute the accuracy that the defence leaves of the undefended model's answers."""
    if scenario.defence is None:
        return _accuracy(reference, rows.y)
    return _accuracy(scenario.defence.mean_answer(reference, 1, np.random.default_rng(0)), rows.y)


def _of_shadow_models(scenario: Scenario, rows: _Sample) -> float | None:
    """Compute the accuracy of shadow models, behind the same defence, on those of the rows that they were trained on.

    Returns:
        None if there are no shadow models, or none was trained on any of the rows.
    """
    store, defence, correct = scenario.store, scenario.defence, []
    if store is None:
        return None
    for model in range(min(SHADOWS, len(store.kept))):
        kept = store.kept[model][rows.chosen]
        logits: Floats = np.array(store.logits[model][rows.chosen[kept]])
        answers = logits if defence is None else defence.mean_answer(logits, 1, np.random.default_rng(model))
        correct.append(answers.argmax(axis=1) == rows.y[kept])
    return float(np.concatenate(correct).mean()) if sum(map(len, correct)) else None


def _accuracy(answers: Floats, y: Int64s) -> float:
    return float((answers.argmax(axis=1) == y).mean())


def _reordered(answered: Int64s, y: Int64s) -> bool:
    """Whether one other numbering of the classes makes most answers correct."""
    classes = int(max(answered.max(), y.max())) + 1
    if len(y) < 5 * classes**2:  # with few rows for each pair of classes, some numbering always fits
        return False
    pairs = np.zeros((classes, classes))
    np.add.at(pairs, (answered, y), 1)
    fitting = linear_sum_assignment(pairs, maximize=True)
    return bool(pairs[fitting].sum() / len(y) > agreement(answered, y).chance + EXPLAINS)
