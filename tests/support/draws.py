"""Scores whose truth is known."""

import numpy as np
from scipy.stats import binom


def gaussian(rng, distance, members, non_members=None):
    """Draw scores of members and non-members that are so many standard deviations apart, and the membership."""
    non_members = members if non_members is None else non_members
    member = np.arange(members + non_members) < members
    return rng.normal(size=len(member)) + distance * member, member


def often_enough(covered, level=0.95):
    """Tell whether intervals that hold at this level could have held no oftener; wrong once in a thousand times."""
    return sum(covered) >= binom.ppf(0.001, len(covered), level)
