"""Is noise drawn anew for each call, thread, session and process: one function for each check.

`rate` is the chance that a check fails on correct noise.
"""

import dataclasses

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.spatial import KDTree
from scipy.special import gammaincinv

from dynanoise_export.types import Float64s, Int64s
from dynanoise_export.validation.check import Check, CheckCode, judge, not_run
from dynanoise_export.validation.exact import worst_correlation
from dynanoise_export.validation.findings import TOO_LITTLE_NOISE, Finding, sentence, verdict
from dynanoise_export.validation.noise_independence import VIEWS, between_calls, two_views
from dynanoise_export.validation.recovery import RecoveredNoise
from dynanoise_export.validation.repeated_answers import Again

FRESH = {
    Again.BETWEEN_THREADS: CheckCode.NOISE_FRESH_BETWEEN_THREADS,
    Again.BETWEEN_SESSIONS: CheckCode.NOISE_FRESH_BETWEEN_SESSIONS,
    Again.BETWEEN_PROCESSES: CheckCode.NOISE_FRESH_BETWEEN_PROCESSES,
}

# This many contrasts distinguish two rows of noise. More are ignored; with fewer classes, rows are joined.
FEWEST_DIMENSIONS = 8
MOST_DIMENSIONS = 16


def repeated(noise: RecoveredNoise, rate: float) -> Check:
    """Check that no row of noise occurs twice, at any position, in one call or in two.

    Two independent rows are closer than δ with the chance that χ² is below δ² / 2; the limit on δ allows for all
    pairs of rows. The check covers the queries with the most frequent set of usable classes.
    """
    code = CheckCode.NOISE_REPEATED
    if not noise.used.any():
        return not_run(code, TOO_LITTLE_NOISE)
    rows = _rows(noise)
    joined = -(-FEWEST_DIMENSIONS // rows.shape[1])
    if len(rows) < 2 * joined:
        return not_run(code, "too few queries have the same usable classes")
    points = sliding_window_view(rows, joined, axis=0).reshape(len(rows) - joined + 1, -1)
    dimensions = points.shape[1]
    pairs = len(points) * len(points[::joined])
    blur = 2 * noise.resolution * np.sqrt(dimensions)
    radius = np.sqrt(4 * gammaincinv(dimensions / 2, rate / pairs)) - blur
    if radius <= blur:
        return not_run(
            code, "at this temperature float32 rounds the answers too coarsely to distinguish near from equal"
        )
    count = _close(points, joined, radius)
    what = "rows" if joined == 1 else f"runs of {joined} rows"
    found = f"{count:,} of {len(points):,} {what} of noise occur again, closer than {radius:.2g} standard deviations"
    return judge(code, count, 0, sentence(found, rate))


def _rows(noise: RecoveredNoise) -> Float64s:
    """Take some contrasts of all answers to the queries with the most frequent set of usable classes."""
    patterns, which, counts = np.unique(noise.used, axis=0, return_inverse=True, return_counts=True)
    most = int(np.argmax(counts * patterns.any(axis=1)))
    columns = np.flatnonzero(patterns[most])[:MOST_DIMENSIONS]
    queries = np.flatnonzero(which.ravel() == most)
    return noise.contrasts[:, queries[:, None], columns].reshape(-1, columns.size)


def _close(points: Float64s, joined: int, radius: float) -> int:
    """Count the points near another point; two points overlap, and do not count, if they share one of their rows."""
    tree = KDTree(points[::joined])
    _, neighbours = tree.query(points, k=3, distance_upper_bound=radius)
    apart = np.abs(neighbours * joined - np.arange(len(points))[:, None])
    return int(np.any((neighbours < tree.n) & (apart >= joined), axis=1).sum())


def fresh(again: Again, ours: RecoveredNoise, theirs: RecoveredNoise, rate: float) -> Check:
    """Check that the answers of another thread, session or process carry noise of their own.

    Args:
        again: which of these.
        ours: recovered from the calls that the audit is about.
        theirs: recovered from answers to the same queries, at least one call from each of the others.
        rate: the chance that the check fails on correct noise.
    """
    code = FRESH[again]
    if theirs.wrong:
        return not_run(code, f"{theirs.wrong:,} answers are zero, negative or NaN")
    both = dataclasses.replace(
        ours,
        contrasts=np.concatenate([ours.contrasts, theirs.contrasts]),
        used=ours.used & theirs.used,
        resolution=max(ours.resolution, theirs.resolution),
    )
    rows = repeated(both, rate / 2)
    found = between_calls(both, rate / 2) if rows.passed else rows
    return dataclasses.replace(found, code=code)


def bound_to_position(noise: RecoveredNoise, order: Int64s, rate: float) -> Check:
    """Check that a position in the batch does not get the same noise whichever query is there.

    Args:
        noise: recovered from c calls with n queries, the last of them in another order.
        order: [n]; the last call's i-th query was query `order[i]`.
        rate: the chance that the check fails on correct noise.
    """
    used = noise.used & noise.used[order]
    calls = range(len(noise.contrasts) - 1)
    views = (noise.contrasts, noise.magnitudes)
    pairs = (
        pair for call in calls for pair in two_views([(view[call][used], view[-1][order][used]) for view in views])
    )
    finding = worst_correlation(pairs, len(VIEWS) * len(calls), rate)

    def say(found: Finding) -> str:
        view = VIEWS[found.part % len(VIEWS)]
        return f"the {view} of noise at the same position of two batches has a correlation of {found.value:.4f}"

    return verdict(CheckCode.NOISE_BOUND_TO_POSITION, finding, say, rate)
