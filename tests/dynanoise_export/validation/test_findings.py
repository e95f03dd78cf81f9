import math

import pytest

from dynanoise_export.validation.check import CheckCode, Outcome, judge, not_applicable, not_run, warn
from dynanoise_export.validation.findings import BLUNT, Finding, verdict, worst

CODE = CheckCode.NOISE_MEAN


def test_the_worst_is_the_largest_in_units_of_its_limit():
    assert worst([0.5, -0.3, 0.2], [1, 0.4, 0.3]) == Finding(0.3, 0.4, 1, 0.3)
    assert worst([], []) is None


def test_a_value_at_its_limit_passes_and_nan_does_not():
    assert judge(CODE, 0.2, 0.2, "").outcome is Outcome.PASSED
    assert judge(CODE, 0.3, 0.2, "").outcome is Outcome.FAILED
    assert judge(CODE, math.nan, 0.2, "").outcome is Outcome.FAILED
    assert judge(CODE, 0.3, 0.2, "", otherwise=Outcome.WARNING).outcome is Outcome.WARNING


@pytest.mark.parametrize(("check", "passed"), [(not_run, False), (warn, False), (not_applicable, True)])
def test_only_a_check_that_passed_or_does_not_apply_is_a_pass(check, passed):
    assert check(CODE, "of the weather").passed is passed


def test_the_name_is_the_code_in_words():
    assert not_run(CODE, "of the weather").name == "noise mean"


@pytest.mark.parametrize("finding", [None, Finding(0, 0.6, 0, BLUNT + 0.01)])
def test_a_check_with_too_little_noise_is_not_run(finding):
    check = verdict(CODE, finding, lambda found: "all is well", 1e-8)
    assert check.outcome is Outcome.NOT_RUN
    assert (check.value, check.limit) == (None, None)


def test_a_check_states_its_rate_of_false_alarms():
    check = verdict(CODE, Finding(0.1, 0.2, 3, 0.2), lambda found: f"part {found.part} is off", 6e-8)
    assert check.passed
    assert (check.value, check.limit) == (0.1, 0.2)
    assert "Part 3 is off" in check.detail
    assert "6e-08" in check.detail
