"""A share of `make fuzz`: the loaders of models. The numbers of the inputs are fixed."""

import pytest

from fuzz.targets import MODELS


@pytest.fixture(scope="module")
def found(fuzzed):
    return fuzzed(MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_every_input_opens_or_is_refused_in_one_sentence(found, name):
    assert found[name]["findings"] == []
    assert found[name]["opened"] > 0
    assert found[name]["opened"] + found[name]["refused"] == MODELS[name].share
