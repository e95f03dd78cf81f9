"""What must hold for a model with noise that is a function of a key and the query."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.stats import binom

from dynanoise_export.bundles import digests
from dynanoise_export.noise.keyed import reference
from dynanoise_export.noise.keyed.key import BYTES, Key
from dynanoise_export.noise.keyed.keyed_noise import KeyedNoise
from dynanoise_export.noise.keyed.tables import PROJECTIONS, ROWS, Hashing, Tables, derive_hashing
from dynanoise_export.probabilities import centred
from dynanoise_export.runtimes.predictor import Predictor
from dynanoise_export.types import Bools, Floats, Int64s
from dynanoise_export.validation.case import Case
from dynanoise_export.validation.check import Check, CheckCode, Outcome, judge, not_applicable
from dynanoise_export.validation.exact import worst_correlation
from dynanoise_export.validation.findings import Finding, explained, verdict
from dynanoise_export.validation.judged_rows import MOST_ROWS
from dynanoise_export.validation.keyed_edges import on_an_edge
from dynanoise_export.validation.noise_audit import BUDGET, audit_once
from dynanoise_export.validation.noise_law import UNRECOVERABLE
from dynanoise_export.validation.parity_checks import defended, undecided
from dynanoise_export.validation.repeated_answers import Answers
from dynanoise_export.validation.repetition_checks import answers_repeat, compare
from dynanoise_export.validation.sample_size import rows_needed
from dynanoise_export.validation.tolerance import jumps

# More queries would make the check slower and no sharper.
HASHED = 256
# The number of cells to each side among which neighbours are taken.
AROUND = 8
MOST_SHARED = 0.5
# If more of the queries than this lie near an edge, a client who varies the batch has many to choose from.
MOST_ON_EDGES = 0.01
# Scores that are equal to so many digits after the point count as equal.
SCORE_DIGITS = 6
# If more of the different queries than this get the same scores as another one, equal answers show which they are.
MOST_EQUAL = 0.01
UNKNOWN_LAW = "the law of this defence's noise is not known"


@dataclass(frozen=True)
class KeyedCase:
    """A case with keyed noise.

    Attributes:
        case: n queries, with the reference's logits.
        logits: [n, k], the file's own logits, up to a constant per row.
        answers: of the file.
        tables: derived from the key.
    """

    case: Case
    logits: Floats
    answers: Answers
    tables: Tables

    @property
    def distance(self) -> float:
        """How far logits move: as measured, or by the tolerance if they can't be seen."""
        movement = self.case.movement
        return self.case.tolerance.atol if movement is None else movement.distance()

    @cached_property
    def of_cells(self) -> Bools:
        """Which queries [n] are so near the edge of a cell that logits that move put them on either side."""
        return on_an_edge(self.case.expected, self.tables, self.distance)

    @cached_property
    def edge(self) -> Bools:
        """Which queries [n] are so near the edge of a cell, or of a label that is kept."""
        if not self.case.defence.keep_label:
            return self.of_cells
        return self.of_cells | undecided(self.case.expected, self.case.seen)


def keyed_noise(keyed: KeyedCase, predictor: Predictor) -> Iterator[Check]:
    """Compare the answers with the reference, noise included, and with each other; then audit the noise."""
    case, answers = keyed.case, keyed.answers
    noise = reference.keyed_normals(case.expected, keyed.tables).astype(np.float64)
    expected = defended(case.defence, case.expected, noise)
    limit = case.seen.of_answers(case.defence)
    described, jump = "the reference's with its noise", jumps(case.defence, case.expected, case.seen)
    yield compare(CheckCode.KEYED_NOISE, answers.calls[:1], expected, limit, described, keyed.edge, jump)
    yield _on_edges(keyed)
    yield from answers_repeat(case, predictor, answers, keyed.edge)
    alone, count, equal = _with_noise_of_their_own(keyed), _different_rows(case), with_equal_scores(case)
    yield _shared(len(alone), count, equal)
    if case.defence.law is None:
        yield not_applicable(CheckCode.NOISE_AUDIT, UNKNOWN_LAW)
        return
    audited = audit_once(
        keyed.logits[alone],
        answers.calls[0][alone],
        case.defence.law,
        answers.batch,
        keep_label=case.defence.keep_label,
    )
    needed = rows_needed(keyed.logits[alone], case.defence.law)
    for check in audited:
        yield explained(check, lambda: _too_few(len(alone), count, equal, needed))


def follows_the_key(noise: KeyedNoise, keyed: KeyedCase) -> Iterator[Check]:
    """Check that neighbouring cells, and keys that differ in one bit, give noise that has nothing in common."""
    rate = BUDGET / 2
    yield _neighbours(keyed.tables, rate)
    yield _avalanche(noise, keyed, rate)


def _on_edges(keyed: KeyedCase) -> Check:
    """Count the queries that may get other noise when their logits move."""
    count, share = int(keyed.of_cells.sum()), float(keyed.of_cells.mean())
    measured = keyed.case.movement is not None
    known = "as measured" if measured else "the tolerance, because the graph can't be seen"
    detail = (
        f"{count:,} of {len(keyed.of_cells):,} queries ({share:.2%}) lie within {keyed.distance:.1e} ({known}) of the "
        "edge of a cell: a client who sends one of them in other batches may get a second draw of its noise."
    )
    # A tolerance says how far logits might move, and not that they do.
    most = MOST_ON_EDGES if measured else 1.0
    return judge(CheckCode.NOISE_ON_EDGES, share, most, detail, otherwise=Outcome.WARNING)


def _with_noise_of_their_own(keyed: KeyedCase) -> Int64s:
    """Choose queries of which no two share a cell of any grid."""
    places = reference.places_of(keyed.case.expected, keyed.tables)
    chosen = np.arange(len(places))
    for cells in keyed.tables.cells:
        found = reference.cells_of(places[chosen], cells)
        chosen = chosen[np.sort(np.unique(found, axis=0, return_index=True)[1])]
        # Two cells may have the same rows of normals by chance; with few classes, some do.
        rows = reference.rows_of(places[chosen], cells)
        chosen = chosen[np.sort(np.unique(rows, axis=0, return_index=True)[1])]
    return chosen


def with_equal_scores(case: Case) -> int:
    """Count the queries that get the same scores as another query, not counting a query that is sent twice."""
    _, different = np.unique(digests(case.guarded), return_index=True)
    scores = centred(case.expected)[different].round(SCORE_DIGITS)
    counts = np.unique(scores, axis=0, return_counts=True)[1]
    return int(counts[counts > 1].sum())


def _different_rows(case: Case) -> int:
    """Count the rows, those that are equal once."""
    return len(set(digests(case.guarded)))


def _too_few(alone: int, different: int, equal: int, needed: int | None) -> str:
    """Say why an audit has too little noise, and what helps.

    Args:
        alone: the number of queries with noise of their own.
        different: the number of different queries.
        equal: the number of different queries with the same scores as another one.
        needed: the number of queries with noise of their own that the audit needs; None if no number is enough.
    """
    if needed is None:
        return UNRECOVERABLE
    found = f"{alone:,} of {different:,} different queries have noise of their own, and the audit needs {needed:,}"
    if equal > different * MOST_EQUAL and alone < different * (1 - MOST_SHARED):
        return f"{found}; others get the same scores, so choose --noise random or --noise input"
    rows = math.ceil(needed * different / alone)
    if rows > MOST_ROWS:
        return f"{found}; choose a finer --grid"
    return f"{found}; give --data with at least {rows:,} different rows"


def _shared(alone: int, of: int, equal: int) -> Check:
    """Judge how many queries share their noise: because of the grid, or because no grid can separate equal scores."""
    code, share = CheckCode.NOISE_SHARED, 1 - alone / of
    detail = f"{of - alone:,} of {of:,} queries share their noise with an earlier one."
    if equal > of * MOST_EQUAL:
        detail += (
            f" {equal:,} get the same scores as another one, which no grid separates, and equal answers show which "
            "they are: choose --noise random or --noise input."
        )
        return judge(code, equal / of, MOST_EQUAL, detail)
    if share > MOST_SHARED:
        detail += " An attacker who knows some of them knows the noise of the others: choose a finer --grid."
    return judge(code, share, MOST_SHARED, detail, otherwise=Outcome.WARNING)


def _neighbours(tables: Tables, rate: float) -> Check:
    """Compare the noise of some cells with that of the next cell, for each projection."""
    normals, generator = tables.normals.astype(np.float64), np.random.default_rng(0)
    pairs = []
    for cells in tables.cells:
        here = int(cells.width) * generator.integers(-AROUND, AROUND, (HASHED, PROJECTIONS))
        own = normals[reference.rows_of(here, cells)].ravel()
        for axis in range(PROJECTIONS):
            next_cell = here.copy()
            next_cell[:, axis] += int(cells.width)
            pairs.append((own, normals[reference.rows_of(next_cell, cells)].ravel(), own.size))
    finding = worst_correlation(pairs, len(pairs), rate)

    def say(found: Finding) -> str:
        return f"the noise of neighbouring cells has a correlation of at most {found.value:.4f}"

    return verdict(CheckCode.NOISE_OF_NEIGHBOURING_CELLS, finding, say, rate)


def _avalanche(noise: KeyedNoise, keyed: KeyedCase, rate: float) -> Check:
    """Count the rows of normals that stay the same after one bit of the key is flipped, for each bit."""
    few = keyed.case.expected[:HASHED]
    # Queries of one cell have one row, and count as one.
    own, first = np.unique(_rows(few, keyed.tables), axis=0, return_index=True)
    few = few[first]
    same = [
        int((own == _rows(few, derive_hashing(_flipped(noise.key, bit), noise.grids, few.shape[1]))).sum())
        for bit in range(8 * BYTES)
    ]
    limit = int(binom.isf(rate / len(same), own.size, 1 / ROWS))
    worst = int(np.argmax(same))
    detail = (
        f"With any one of the {len(same)} bits of the key flipped, at most {max(same):,} of {own.size:,} rows of "
        f"normals stay the same (bit {worst})."
    )
    return judge(CheckCode.NOISE_FOLLOWS_EVERY_BIT_OF_THE_KEY, max(same), limit, detail)


def _rows(logits: Floats, hashing: Hashing) -> Int64s:
    places = reference.places_of(logits, hashing)
    return np.concatenate([reference.rows_of(places, cells) for cells in hashing.cells], axis=1)


def _flipped(key: Key, bit: int) -> Key:
    secret = bytearray(key.secret)
    secret[bit // 8] ^= 1 << bit % 8
    return Key(bytes(secret))
