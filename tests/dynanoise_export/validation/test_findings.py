import math

import pytest

from dynanoise_export.validation.check import judge, not_made
from dynanoise_export.validation.findings import BLUNT, Finding, verdict, worst


def test_the_worst_is_the_largest_in_units_of_its_limit():
    assert worst([0.5, -0.3, 0.2], [1, 0.4, 0.3]) == Finding(0.3, 0.4, 1, 0.3)
    assert worst([], []) is None


def test_a_value_at_its_limit_passes_and_nan_does_not():
    assert judge("a", 0.2, 0.2, "").passed
    assert not judge("a", 0.3, 0.2, "").passed
    assert not judge("a", math.nan, 0.2, "").passed


@pytest.mark.parametrize("finding", [None, Finding(0, 0.6, 0, BLUNT + 0.01)])
def test_a_check_with_too_little_to_go_by_is_not_a_pass(finding):
    check = verdict("a check", finding, lambda found: "all is well", 1e-8)
    assert not check.passed
    assert (check.value, check.limit) == (None, None)
    assert "could not be made" in check.detail


def test_a_check_states_its_rate_of_false_alarms():
    check = verdict("a check", Finding(0.1, 0.2, 3, 0.2), lambda found: f"part {found.part} is off", 6e-8)
    assert check.passed
    assert (check.value, check.limit) == (0.1, 0.2)
    assert check.detail == "Part 3 is off (false alarms: 6e-08 a run)."
    assert not not_made("a check", "of the weather").passed
