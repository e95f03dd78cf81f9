"""What must hold for a model with noise that is a function of a key and the query."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy.stats import binom

from dynanoise_export.noise.keyed import reference
from dynanoise_export.noise.keyed.key import BYTES, Key
from dynanoise_export.noise.keyed.keyed_noise import KeyedNoise
from dynanoise_export.noise.keyed.tables import PROJECTIONS, ROWS, Hashing, Tables, derive_hashing
from dynanoise_export.runtimes.predictor import Predictor
from dynanoise_export.types import Bools, Floats, Int64s
from dynanoise_export.validation.case import Case
from dynanoise_export.validation.check import Check, CheckCode, Outcome, judge, not_applicable, not_run
from dynanoise_export.validation.exact import worst_correlation
from dynanoise_export.validation.findings import Finding, verdict
from dynanoise_export.validation.keyed_edges import on_an_edge
from dynanoise_export.validation.noise_audit import BUDGET, audit_once
from dynanoise_export.validation.parity_checks import defended
from dynanoise_export.validation.repeated_answers import Answers
from dynanoise_export.validation.repetition_checks import answers_repeat, compare

# More queries would make the check slower and no sharper.
HASHED = 256
# The number of cells to each side among which neighbours are taken.
AROUND = 8
MOST_SHARED = 0.5
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

    @cached_property
    def edge(self) -> Bools:
        """Which queries [n] are so near the edge of a cell that rounding may put them into the next cell."""
        return on_an_edge(self.case.expected, self.logits, self.tables)


def keyed_noise(keyed: KeyedCase, predictor: Predictor) -> Iterator[Check]:
    """Compare the answers with the reference, noise included, and with each other; then audit the noise."""
    case, answers = keyed.case, keyed.answers
    noise = reference.keyed_normals(torch.from_numpy(case.expected), keyed.tables).double().numpy()
    expected = defended(case.defence, case.expected, noise)
    limit = case.tolerance.of_answers(case.defence)
    yield compare(
        CheckCode.KEYED_NOISE, answers.calls[:1], expected, limit, "the reference's with its noise", keyed.edge
    )
    yield from answers_repeat(case, predictor, answers, keyed.edge)
    alone, count = _with_noise_of_their_own(keyed), len(case.expected)
    yield _shared(alone, count)
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
    for check in audited:
        yield not_run(check.code, _too_few(len(alone), count)) if check.outcome is Outcome.NOT_RUN else check


def follows_the_key(noise: KeyedNoise, keyed: KeyedCase) -> Iterator[Check]:
    """Check that neighbouring cells, and keys that differ in one bit, give noise that has nothing in common."""
    rate = BUDGET / 2
    yield _neighbours(keyed.tables, rate)
    yield _avalanche(noise, keyed, rate)


def _with_noise_of_their_own(keyed: KeyedCase) -> Int64s:
    """Choose queries of which no two share a cell of any grid."""
    places = reference.places_of(torch.from_numpy(keyed.case.expected), keyed.tables)
    chosen = np.arange(len(places))
    for cells in keyed.tables.cells:
        found = reference.cells_of(places[chosen], cells).numpy()
        chosen = chosen[np.sort(np.unique(found, axis=0, return_index=True)[1])]
        # Two cells may have the same rows of normals by chance; with few classes, some do.
        rows = reference.rows_of(places[chosen], cells).numpy()
        chosen = chosen[np.sort(np.unique(rows, axis=0, return_index=True)[1])]
    return chosen


def _too_few(alone: int, of: int) -> str:
    return f"only {alone:,} of {of:,} queries have noise of their own; choose a finer --grid, or give more --data"


def _shared(alone: Int64s, of: int) -> Check:
    share = 1 - len(alone) / of
    detail = f"{of - len(alone):,} of {of:,} queries share their noise with an earlier one."
    if share > MOST_SHARED:
        detail += " An attacker who knows some of them knows the noise of the others: choose a finer --grid."
    return judge(CheckCode.NOISE_SHARED, share, MOST_SHARED, detail, otherwise=Outcome.WARNING)


def _neighbours(tables: Tables, rate: float) -> Check:
    """Compare the noise of some cells with that of the next cell, for each projection."""
    normals, generator = torch.from_numpy(tables.normals), np.random.default_rng(0)
    pairs = []
    for cells in tables.cells:
        here = int(cells.width) * torch.from_numpy(generator.integers(-AROUND, AROUND, (HASHED, PROJECTIONS)))
        own = normals[reference.rows_of(here, cells)].double().numpy().ravel()
        for axis in range(PROJECTIONS):
            next_cell = here.clone()
            next_cell[:, axis] += int(cells.width)
            pairs.append((own, normals[reference.rows_of(next_cell, cells)].double().numpy().ravel(), own.size))
    finding = worst_correlation(pairs, len(pairs), rate)

    def say(found: Finding) -> str:
        return f"the noise of neighbouring cells has a correlation of at most {found.value:.4f}"

    return verdict(CheckCode.NOISE_OF_NEIGHBOURING_CELLS, finding, say, rate)


def _avalanche(noise: KeyedNoise, keyed: KeyedCase, rate: float) -> Check:
    """Count the rows of normals that stay the same after one bit of the key is flipped, for each bit."""
    few = torch.from_numpy(keyed.case.expected[:HASHED])
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


def _rows(logits: torch.Tensor, hashing: Hashing) -> Int64s:
    places = reference.places_of(logits, hashing)
    rows: Int64s = torch.cat([reference.rows_of(places, cells) for cells in hashing.cells], dim=1).numpy()
    return rows


def _flipped(key: Key, bit: int) -> Key:
    secret = bytearray(key.secret)
    secret[bit // 8] ^= 1 << bit % 8
    return Key(bytes(secret))
