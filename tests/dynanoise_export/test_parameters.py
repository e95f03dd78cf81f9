import math

import pytest

from dynanoise_export.errors import UserError
from dynanoise_export.parameters import Parameters


def test_the_defaults_are_the_papers_for_cifar_10():
    assert Parameters().sigma0 == pytest.approx(0.5477, abs=1e-4)  # √0.3
    assert (Parameters().lambda_, Parameters().temperature) == (2, 10)


def test_the_base_variance_is_the_square_of_sigma0():
    assert Parameters.from_base_variance(0.09, 2, 10) == Parameters(0.3, 2, 10)


@pytest.mark.parametrize("sigma0", [0, -1, math.nan, math.inf, -math.inf, 1e7])
def test_sigma0_out_of_bounds_is_refused(sigma0):
    with pytest.raises(UserError, match="sigma0"):
        Parameters(sigma0=sigma0)


@pytest.mark.parametrize("lambda_", [-0.1, math.nan, math.inf])
def test_lambda_out_of_bounds_is_refused(lambda_):
    with pytest.raises(UserError, match="lambda"):
        Parameters(lambda_=lambda_)


@pytest.mark.parametrize("temperature", [0, -10, 1e-4, math.nan, math.inf])
def test_a_temperature_out_of_bounds_is_refused(temperature):
    with pytest.raises(UserError, match="temperature"):
        Parameters(temperature=temperature)


@pytest.mark.parametrize("variance", [0, -0.3, math.nan, math.inf])
def test_a_base_variance_out_of_bounds_is_refused(variance):
    with pytest.raises(UserError, match="base variance"):
        Parameters.from_base_variance(variance, 2, 10)
