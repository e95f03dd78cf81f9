"""What guesses about one model prove about differential privacy: a lower bound on ε.

An attacker guesses of some rows that they are members, of others that they are not, and abstains on the rest. If the
training is (ε, δ)-DP, hardly more of the guesses are right than of so many throws of a coin that falls on the right
side with the probability e^ε / (1 + e^ε).

The theorem supposes that each row became a member by a throw of its own, with a probability of a half. A split into two
parts of a fixed, equal size is very near to that if the rows are many. It also supposes that the numbers of guesses do
not depend on the membership of these rows: choose them on other models, with `choose_guesses`.

Source: Steinke, Nasr and Jagielski 2023, "Privacy Auditing with One (1) Training Run", appendix D for δ > 0.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import binom

from dynanoise_export.intervals import LEVEL, lower_bound
from dynanoise_export.types import Bools, Float64s, Floats, Int64s

ERROR = 1 - LEVEL
# Numbers of guesses of one kind that `choose_guesses` compares.
CANDIDATES = 40


class Guesses(NamedTuple):
    """How many rows an attacker guesses.

    Attributes:
        positive: the rows with the highest scores, which it calls members.
        negative: the rows with the lowest scores, which it calls non-members.
    """

    positive: int
    negative: int


def one_run_epsilon(scores: Floats, member: Bools, guesses: Guesses, delta: float = 0.0) -> float:
    """Bound ε from below with 95% confidence, by the scores of one model.

    Args:
        scores: [n], larger for likely members.
        member: bool [n].
        guesses: how many rows are guessed, n at most.
        delta: δ of the definition that the bound is for.

    Returns:
        At least 0, which is no bound at all.
    """
    right_positive, right_negative = _right(scores, member)
    correct = int(right_positive[guesses.positive] + right_negative[guesses.negative])
    return epsilon_of_guesses(correct, sum(guesses), len(scores), delta)


def epsilon_of_guesses(correct: int, guesses: int, rows: int, delta: float = 0.0) -> float:
    """Bound ε from below with 95% confidence, by how many guesses are right.

    Args:
        correct: v, how many guesses are right.
        guesses: r, how many there are.
        rows: m, how many rows could have been guessed.
        delta: δ of the definition that the bound is for.

    Returns:
        At least 0, which is no bound at all.
    """
    if guesses == 0:
        return 0.0
    without_delta = float(_epsilon(np.array(correct), np.array(guesses)))

    def excess(epsilon: float) -> float:
        return p_value(correct, guesses, rows, epsilon, delta) - ERROR

    if delta == 0 or without_delta == 0:
        return without_delta
    return 0.0 if excess(0.0) >= 0 else float(brentq(excess, 0.0, without_delta + 1e-9))


def p_value(correct: int, guesses: int, rows: int, epsilon: float, delta: float = 0.0) -> float:
    """Bound the probability that so many guesses, or more, are right if the training is (ε, δ)-DP.

    The arguments are those of `epsilon_of_guesses`. For δ > 0 the binomial tail at v is raised by 2mδ times the largest
    of P(v − i ≤ B < v) / i, for i from 1 to v, where B is the binomial number.
    """
    probability = expit(epsilon)
    tail = float(binom.sf(correct - 1, guesses, probability))
    if delta == 0 or correct == 0:
        return tail
    steps = np.arange(1, correct + 1)
    raised = (binom.sf(correct - 1 - steps, guesses, probability) - tail) / steps
    return min(1.0, tail + 2 * rows * delta * float(raised.max()))


def choose_guesses(scores: Floats, member: Bools) -> Guesses:
    """Choose how many rows to guess: the numbers that prove most on models whose members are known, at δ = 0.

    Args:
        scores: [m, n] or [n], those of m shadow models that play the target, on as many rows as are guessed later.
        member: bool of the same shape.

    Returns:
        The numbers with the largest mean bound; at least one guess.
    """
    counts = _candidates(scores.shape[-1])
    positive, negative = np.meshgrid(counts, counts, indexing="ij")
    total = np.zeros(positive.shape)
    for one, inside in zip(np.atleast_2d(scores), np.atleast_2d(member), strict=True):
        right_positive, right_negative = _right(one, inside)
        total += _epsilon(right_positive[positive] + right_negative[negative], positive + negative)
    total[(positive + negative > scores.shape[-1]) | (positive + negative == 0)] = -1
    best = np.unravel_index(np.argmax(total), total.shape)
    return Guesses(int(positive[best]), int(negative[best]))


def _candidates(rows: int) -> Int64s:
    return np.unique(np.concatenate([[0], np.geomspace(1, rows, CANDIDATES)]).astype(np.int64))


def _right(scores: Floats, member: Bools) -> tuple[Int64s, Int64s]:
    """Count how many of the first 0, 1, … n positive guesses are right, and likewise of the negative ones."""
    # Rows with the same score are guessed in an order that knows nothing of their membership, as their own order may.
    shuffled = np.random.default_rng(0).permutation(len(scores))
    ranked = member[shuffled[np.argsort(scores[shuffled], kind="stable")]]
    positive, negative = np.cumsum(ranked[::-1]), np.cumsum(~ranked)
    return np.concatenate([[0], positive]), np.concatenate([[0], negative])


def _epsilon(correct: Int64s, guesses: Int64s) -> Float64s:
    """Bound ε at δ = 0: the log-odds of the exact lower bound on the probability of a right guess, 0 at least."""
    probability = lower_bound(correct, np.maximum(guesses, 1), ERROR)
    return np.asarray(logit(np.maximum(probability, 0.5)), np.float64)
