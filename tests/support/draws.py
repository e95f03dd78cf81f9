"""Scores with a known truth."""

import numpy as np
from scipy.stats import binom


def gaussian(rng, distance, members, non_members=None):
    """Draw scores of members and non-members, `distance` standard deviations apart, and the membership."""
    non_members = members if non_members is None else non_members
    member = np.arange(members + non_members) < members
    return rng.normal(size=len(member)) + distance * member, member


def often_enough(covered, level=0.95):
    """Whether the coverage of intervals does not contradict their level; wrong once in a thousand times."""
    return sum(covered) >= binom.ppf(0.001, len(covered), level)
