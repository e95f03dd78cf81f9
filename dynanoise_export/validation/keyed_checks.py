"""What must hold for a file whose noise is a function of a key and the query."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import binom

from dynanoise_export.noise.keyed import reference
from dynanoise_export.noise.keyed.key import BYTES, Key
from dynanoise_export.noise.keyed.keyed_noise import KeyedNoise
from dynanoise_export.noise.keyed.tables import PROJECTIONS, ROWS, Hashing, Tables, derive_hashing
from dynanoise_export.runtimes.predictor import Arrays, Predictor, predict
from dynanoise_export.validation.check import Check, judge, not_made
from dynanoise_export.validation.exact import worst_correlation
from dynanoise_export.validation.findings import Finding, verdict
from dynanoise_export.validation.keyed_edges import on_an_edge
from dynanoise_export.validation.noise_audit import BUDGET, Answers, audit_once
from dynanoise_export.validation.parity_checks import Tolerance
from dynanoise_export.validation.subject import Subject

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]

# More would make the check slower and no sharper.
ALONE, HASHED = 64, 256
# How many cells to each side neighbours are looked for.
AROUND = 8
MOST_SHARED = 0.5


@dataclass(frozen=True)
class Cases:
    """Queries and their answers.

    Attributes:
        expected: float64 [n, k], the reference's logits.
        logits: [n, k], the file's own, up to a constant a row.
        answers: of the file.
        tables: derived from the key.
        tolerance: of the logits.
    """

    expected: Floats
    logits: Floats
    answers: Answers
    tables: Tables
    tolerance: Tolerance

    @cached_property
    def edge(self) -> Bools:
        """Which queries [n] are so near the edge of a cell that rounding may put them into the next."""
        return on_an_edge(self.expected, self.logits, self.tables)

    @cached_property
    def places(self) -> torch.Tensor:
        """Where the queries lie, projected, [n, m]."""
        return reference.places_of(torch.from_numpy(self.expected), self.tables)


def keyed_noise(subject: Subject, cases: Cases) -> Iterator[Check]:
    """Check the answers against the reference, noise included, and against each other; then audit the noise."""
    first = cases.answers.calls[0]
    logits = torch.from_numpy(cases.expected)
    expected = subject.head.defend(logits, reference.keyed_normals(logits, cases.tables).double()).numpy()
    limit = cases.tolerance.of_answers(subject.parameters.temperature)
    yield _equal("keyed noise", first, expected, cases.edge, limit, "the reference's, noise included,")
    again = {"between calls": cases.answers.calls[1], "in another order": _in_order(cases.answers)}
    again |= {place: answers[0] for place, answers in cases.answers.elsewhere.items()}
    for where, answers in again.items():
        yield _equal(f"noise repeats {where}", answers, first, cases.edge, limit, "those of the first call")
    alone, all_of = _with_noise_of_their_own(cases), len(cases.expected)
    yield _shared(alone, all_of)
    audited = audit_once(
        cases.logits[alone],
        first[alone],
        subject.parameters,
        cases.answers.batch,
        keep_label=subject.deployed.keep_label,
    )
    for check in audited:
        yield check if check.value is not None else not_made(check.name, _too_few(len(alone), all_of))


def batch_of_one(subject: Subject, predictor: Predictor, rows: Arrays, cases: Cases) -> Check:
    """Check that a row gets the noise that it gets among others when it is asked alone."""
    few = {name: array[:ALONE] for name, array in rows.items()}
    answers = np.asarray(predict(predictor, few, subject.deployed.answers, 1), dtype=np.float32)
    limit = cases.tolerance.of_answers(subject.parameters.temperature)
    first, edge = cases.answers.calls[0][: len(answers)], cases.edge[: len(answers)]
    return _equal("noise repeats one by one", answers, first, edge, limit, "those among others")


def follows_the_key(noise: KeyedNoise, cases: Cases) -> Iterator[Check]:
    """Check that neighbouring cells, and keys of which one bit differs, give noise that has nothing in common."""
    rate = BUDGET / 2
    yield _neighbours(cases.tables, rate)
    yield _avalanche(noise, cases, rate)


def _in_order(answers: Answers) -> Floats:
    return answers.permuted[np.argsort(answers.order)]


def _equal(name: str, answers: Floats, expected: Floats, edge: Bools, limit: float, whose: str) -> Check:
    strays = np.nan_to_num(np.abs(answers - expected).max(axis=1), nan=np.inf)
    others = int((strays[edge] > limit).sum())
    worst = float(strays[~edge].max(initial=0.0))
    detail = (
        f"Answers differ from {whose} by {worst:.2g} at most; {int(edge.sum()):,} of {len(edge):,} queries lie on the "
        f"edge of a cell and are left out, and {others:,} of them got the noise of the next."
    )
    if edge.all():
        return Check(name, False, None, None, f"The check could not be made: all {len(edge):,} queries lie on an edge.")
    return judge(name, worst, limit, detail)


def _with_noise_of_their_own(cases: Cases) -> npt.NDArray[np.int64]:
    """Choose queries of which no two share a cell of any grid."""
    chosen = np.arange(len(cases.expected))
    for cells in cases.tables.cells:
        found = reference.cells_of(cases.places[chosen], cells).numpy()
        chosen = chosen[np.sort(np.unique(found, axis=0, return_index=True)[1])]
        # Two cells may have the same rows of normals by chance; with few classes, some have.
        rows = reference.rows_of(cases.places[chosen], cells).numpy()
        chosen = chosen[np.sort(np.unique(rows, axis=0, return_index=True)[1])]
    return chosen


def _too_few(alone: int, of: int) -> str:
    return f"{alone:,} of {of:,} queries have noise of their own, too few; choose a finer --grid, or give more --data"


def _shared(alone: npt.NDArray[np.int64], of: int) -> Check:
    share = 1 - len(alone) / of
    detail = f"{of - len(alone):,} of {of:,} queries share their noise with an earlier one."
    if share > MOST_SHARED:
        detail += " Who knows some of them can tell the noise of the others: choose a finer --grid."
    return Check("noise shared", share <= MOST_SHARED, share, MOST_SHARED, detail, warning=True)


def _neighbours(tables: Tables, rate: float) -> Check:
    """Hold the noise of cells here and there against that of the cell beside each, for each projection."""
    normals, generator = torch.from_numpy(tables.normals), np.random.default_rng(0)
    pairs = []
    for cells in tables.cells:
        here = int(cells.width) * torch.from_numpy(generator.integers(-AROUND, AROUND, (HASHED, PROJECTIONS)))
        own = normals[reference.rows_of(here, cells)].double().numpy().ravel()
        for axis in range(PROJECTIONS):
            beside = here.clone()
            beside[:, axis] += int(cells.width)
            pairs.append((own, normals[reference.rows_of(beside, cells)].double().numpy().ravel(), own.size))
    finding = worst_correlation(pairs, len(pairs), rate)

    def say(found: Finding) -> str:
        return f"the noise of neighbouring cells has a correlation of {found.value:.4f}, the farthest from 0"

    return verdict("noise of neighbouring cells", finding, say, rate)


def _avalanche(noise: KeyedNoise, cases: Cases, rate: float) -> Check:
    """Count the rows of normals that stay the same when one bit of the key is another, for each bit."""
    few = torch.from_numpy(cases.expected[:HASHED])
    # Queries of one cell have one row, and count as one.
    own, first = np.unique(_rows(few, cases.tables), axis=0, return_index=True)
    few = few[first]
    same = [
        int((own == _rows(few, derive_hashing(_flipped(noise.key, bit), noise.grids, few.shape[1]))).sum())
        for bit in range(8 * BYTES)
    ]
    limit = int(binom.isf(rate / len(same), own.size, 1 / ROWS))
    worst = int(np.argmax(same))
    detail = (
        f"With any of the {len(same)} bits of the key flipped, {max(same):,} of {own.size:,} rows of normals at most "
        f"stay the same (bit {worst})."
    )
    return judge("noise follows every bit of the key", max(same), limit, detail)


def _rows(logits: torch.Tensor, hashing: Hashing) -> npt.NDArray[np.int64]:
    places = reference.places_of(logits, hashing)
    return torch.cat([reference.rows_of(places, cells) for cells in hashing.cells], dim=1).numpy()


def _flipped(key: Key, bit: int) -> Key:
    secret = bytearray(key.secret)
    secret[bit // 8] ^= 1 << bit % 8
    return Key(bytes(secret))
