"""Is random noise alive at all: the check of noise without a known law."""

import itertools

from dynanoise_export.noise.strength import Judgement
from dynanoise_export.types import Array
from dynanoise_export.validation.check import Check, CheckCode, Outcome, judge, not_run
from dynanoise_export.validation.repeated_answers import Again, Answers

# In float32, noise does not change an answer with a larger probability.
CERTAIN = 1 - 1e-6


def alive(answers: Answers, known: Judgement) -> Check:
    """Check that the same queries get other answers each time: in calls, threads, sessions and processes.

    It is a warning if only sessions repeat, and sessions are known to repeat there.

    Args:
        answers: of the model.
        known: about random noise where the model runs.
    """
    own = [*answers.calls, answers.put_in_order]
    pairs = {Again.BETWEEN_CALLS: list(itertools.combinations(own, 2))}
    for again, theirs in answers.others.items():
        pairs[again] = [*itertools.combinations(theirs, 2), *itertools.product(own, theirs)]
    counts = {again: max(repeated_rows(*pair) for pair in group) for again, group in pairs.items()}
    most, count = max(counts.values())
    if not count:
        return not_run(CheckCode.NOISE_ALIVE, "every answer is certain, so no noise can change it")
    # With few classes, two rows of noise may round to the same answer.
    limit = count // 2
    repeating = [again for again, (same, _) in counts.items() if same > limit]
    detail = f"{most:,} of {count:,} rows get the same answer twice"
    if repeating:
        detail += f" {' and '.join(repeating)}"
    known_to_repeat = known.sessions_repeat is True and repeating == [Again.BETWEEN_SESSIONS]
    otherwise = Outcome.WARNING if known_to_repeat else Outcome.FAILED
    return judge(CheckCode.NOISE_ALIVE, most, limit, f"{detail}.", otherwise=otherwise)


def repeated_rows(first: Array, second: Array) -> tuple[int, int]:
    """Count the queries that get the same answer twice.

    Args:
        first: [n, k], answers to n queries.
        second: [n, k], other answers to the same queries.

    Returns:
        The number of queries with the same answer, and the number of queries in all; both without the queries
        with a certain answer.
    """
    uncertain = first.max(axis=1) < CERTAIN
    return int((first == second).all(axis=1)[uncertain].sum()), int(uncertain.sum())
