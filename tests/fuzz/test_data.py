"""A share of `make fuzz`: the loaders of data, settings and answers. The numbers of the inputs are fixed."""

import pytest

from fuzz.targets import DATA


@pytest.fixture(scope="module")
def found(fuzzed):
    return fuzzed(DATA)


@pytest.mark.parametrize("name", DATA)
def test_every_input_opens_or_is_refused_in_one_sentence(found, name):
    assert found[name]["findings"] == []
    assert found[name]["opened"] > 0
    assert found[name]["opened"] + found[name]["refused"] == DATA[name].share
