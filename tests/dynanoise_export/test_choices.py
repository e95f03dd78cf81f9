import pytest

from dynanoise_export.choices import choice
from dynanoise_export.errors import UsageError
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.types import Precision


def test_a_name_and_a_member_are_accepted():
    assert choice(NoiseSource, "keyed", "noise source") is NoiseSource.KEYED
    assert choice(NoiseSource, NoiseSource.KEYED, "noise source") is NoiseSource.KEYED


@pytest.mark.parametrize("value", ["pink", "", "KEYED", "keyed "])
def test_another_name_is_refused_with_the_known_names(value):
    with pytest.raises(UsageError, match="random, input or keyed"):
        choice(NoiseSource, value, "noise source")


def test_a_member_of_another_enum_is_refused():
    with pytest.raises(UsageError, match="'fp16'"):
        choice(NoiseSource, Precision.FP16, "noise source")
