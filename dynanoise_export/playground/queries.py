"""The queries that the page begins with: made up, or rows of a bundle and what a model answers to them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dynanoise_export.bundles import Bundle
from dynanoise_export.errors import DataError
from dynanoise_export.sources.open_source import open_source
from dynanoise_export.sources.reference_model import Reference
from dynanoise_export.sources.source_model import SourceOptions
from dynanoise_export.types import Float64s, Int64s

# How many rows of a bundle the page offers, of members and of non-members each.
ROWS = 10


@dataclass(frozen=True)
class Query:
    """A query that the page offers.

    Attributes:
        name: in a few words.
        logits: float64 [k].
    """

    name: str
    logits: Float64s


@dataclass(frozen=True)
class Queries:
    """All queries that the page offers.

    Attributes:
        classes: the names of the k classes.
        queries: at least one.
        origin: where they come from, in one sentence.
    """

    classes: tuple[str, ...]
    queries: tuple[Query, ...]
    origin: str


MADE_UP = Queries(
    ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    tuple(
        Query(name, np.array(logits))
        for name, logits in (
            ("A cat: the model is sure", (-1.2, -2.1, 1.4, 9.0, 0.8, 5.2, 1.9, -0.4, -2.6, -1.9)),
            ("A cat or a dog: the model hesitates", (-0.6, -1.8, 0.9, 3.1, 0.4, 2.6, 0.7, 0.2, -1.5, -1.4)),
            ("A ship: the model is very sure", (3.8, 1.1, -2.4, -3.0, -2.8, -4.1, -3.5, -3.9, 14.0, 2.2)),
            ("A blurred picture: the model does not know", (0.3, -0.2, 0.5, 0.1, 0.2, -0.1, 0.4, -0.3, 0.0, -0.4)),
        )
    ),
    "The examples are made up.",
)


def made_up(classes: tuple[str, ...]) -> Queries:
    """Make up answers of a model with these classes: one that is sure, one that hesitates, one that does not know."""
    others = np.random.default_rng(0).normal(0, 1.5, len(classes)).round(1)
    sure, hesitating = others.copy(), others.copy()
    sure[0], hesitating[0], hesitating[1] = 9.0, 4.1, 3.6
    known = (("The model is sure", sure), ("The model hesitates", hesitating), ("The model does not know", others / 5))
    return Queries(classes, tuple(Query(name, logits) for name, logits in known), MADE_UP.origin)


def queries_of(model: Path, bundle: Path, options: SourceOptions | None = None) -> Queries:
    """Ask an undefended model about rows of a bundle, half of them members if the bundle says who is.

    Args:
        model: in any format that `export` opens.
        bundle: of rows that it takes.
        options: what the model's file does not say.

    Raises:
        UserError: the model or the bundle can't be opened, or an answer is not finite.
    """
    source = open_source(model, options)
    data = Bundle.load(bundle, [spec.name for spec in source.inputs])
    rows = _chosen(data)
    with Reference(source) as reference:
        logits = reference.logits({name: np.ascontiguousarray(array[rows]) for name, array in data.inputs.items()})
    if not np.isfinite(logits).all():
        raise DataError(f"{model} answers rows of {bundle} with infinite logits or NaN, which the page can't show.")
    names = source.labels or data.classes
    classes = names if len(names) == source.classes else tuple(f"class {number}" for number in range(source.classes))
    queries = tuple(Query(_name(data, row, classes), answer) for row, answer in zip(rows, logits, strict=True))
    return Queries(classes, queries, f"The examples are rows of {bundle.name}, as {model.name} answers them.")


def _chosen(data: Bundle) -> Int64s:
    """Choose rows: as many members as non-members, one after the other."""
    if data.member is None:
        return np.arange(min(len(data), 2 * ROWS))
    parts = [np.flatnonzero(data.member == member)[:ROWS] for member in (True, False)]
    both = min(map(len, parts))
    alternating = np.stack([part[:both] for part in parts], axis=1).ravel()
    return np.concatenate([alternating, *(part[both:] for part in parts)])


def _name(data: Bundle, row: int, classes: tuple[str, ...]) -> str:
    words = [f"Row {row}"]
    if data.member is not None:
        words.append("a member" if data.member[row] else "a non-member")
    if data.y is not None and 0 <= data.y[row] < len(classes):
        words.append(f"labelled {classes[data.y[row]]}")
    return ", ".join(words)
