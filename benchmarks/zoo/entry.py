"""One model of the zoo: how it is made, and what the tool should find in it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import numpy as np
from scipy.special import logit

from dynanoise_export.sources.source_model import SourceOptions

# The defence's default: the smallest probability that it distinguishes, for k classes, is this over k.
FLOORED = 0.01
# How far an answer may be from Algorithm 1: computed in float32, and in float16.
EXACT, HALF = 1e-4, 2e-2


class Scores(StrEnum):
    """What the scores of a model are, as whoever made it knows."""

    LOGITS = "logits"
    SOFTMAX = "the softmax of logits that the file holds"
    PROBABILITIES = "probabilities without logits"
    ONE_LOGIT = "one logit"
    ONE_SIGMOID = "one sigmoid"
    REFUSED = "nothing that can be defended"


@dataclass(frozen=True)
class Made:
    """A model that was made or found.

    Attributes:
        path: of its file or folder.
        rows: the rows to ask, an array for each input.
        options: what a user has to say about the model.
        scores: its undefended scores of the rows [n, k], from what it was made with; None to run its ONNX file.
        labels: of the rows, or None.
        output: the output of its ONNX file that holds the scores; None for the last one.
    """

    path: Path
    rows: dict[str, np.ndarray]
    options: SourceOptions = field(default_factory=SourceOptions)
    scores: np.ndarray | None = None
    labels: np.ndarray | None = None
    output: str | None = None


@dataclass(frozen=True)
class Entry:
    """A model of the zoo.

    Attributes:
        name: for people.
        made_by: the tools that its file went through.
        scores: what they are.
        make: makes the model's files in a folder, or finds them.
        limit: how far an answer may be from Algorithm 1, and a logit from the reference's in `validate`.
        large: whether an answer takes so long that only the file with fed noise is validated.
        fails: the check of `validate` that rightly fails, or "".
    """

    name: str
    made_by: str
    scores: Scores
    make: Callable[[Path], Made] = field(repr=False)
    limit: float = EXACT
    large: bool = False
    fails: str = ""

    @property
    def folder(self) -> str:
        """The name of its folder."""
        return "".join(letter if letter.isalnum() else "-" for letter in self.name)


def logits_of(scores: np.ndarray, kind: Scores) -> np.ndarray:
    """Compute from a model's own scores the logits that Algorithm 1 must take, up to a constant for each row.

    Args:
        scores: [n, k], or [n, 1] and [n] for one score.
        kind: what they are.

    Returns:
        float64 [n, k].
    """
    values = np.asarray(scores, np.float64)
    values = values.reshape(len(values), -1)
    if kind is Scores.LOGITS:
        return values
    if kind is Scores.PROBABILITIES:
        return np.log(np.maximum(values, FLOORED / values.shape[1]))
    if kind is Scores.SOFTMAX:
        with np.errstate(divide="ignore"):
            return values if (values < 0).any() else np.log(values)
    margin = logit(values) if kind is Scores.ONE_SIGMOID else values
    return np.concatenate([-margin / 2, margin / 2], axis=1)
