"""What every defence has from its base class: parameters, attributes, and how it is made from either."""

from dataclasses import dataclass

import onnx_ir as ir
import pytest

from dynanoise_export.defences.base import Defence, require_between
from dynanoise_export.defences.catalogue import DEFAULT, DEFENCES, make_defence
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.keep_label import KeptLabel, keeping_label
from dynanoise_export.defences.temperature import Temperature
from dynanoise_export.errors import UsageError

ONE_OF_EACH = [DynaNoise(0.7, 1.5, 4.0), Temperature(2.5)]


@dataclass(frozen=True)
class NoParameters(Defence):
    name = "nothing"
    function_name = "Nothing"
    takes_noise = False

    def function(self, opset):
        raise NotImplementedError

    def defend(self, logits, noise):
        return logits.softmax(dim=-1)

    def undo(self, log_probabilities):
        return log_probabilities

    def mean_answer(self, logits, answers, generator):
        return logits


def test_parameters_have_the_names_of_the_paper():
    assert DynaNoise(0.7, 1.5, 4.0).parameters == {"sigma0": 0.7, "lambda": 1.5, "temperature": 4.0}
    assert Temperature(2.5).parameters == {"temperature": 2.5}
    assert NoParameters().parameters == {}


@pytest.mark.parametrize("defence", ONE_OF_EACH)
def test_a_defence_is_made_again_from_its_parameters(defence):
    assert type(defence).from_parameters(defence.parameters) == defence
    assert make_defence(defence.name, defence.parameters) == defence


@pytest.mark.parametrize("defence", ONE_OF_EACH)
def test_a_defence_is_made_again_from_its_attributes(defence):
    attributes = defence.attributes(10)
    assert attributes["classes"] == 10
    assert type(defence).from_attributes(attributes) == defence


def test_attributes_are_floats_even_if_the_parameters_are_whole_numbers():
    attributes = DynaNoise(1, 2, 10).attributes(3)
    assert attributes == {"classes": 3, "sigma0": 1.0, "lambda_": 2.0, "temperature": 10.0}
    assert {name: type(value) for name, value in attributes.items()} == {
        "classes": int, "sigma0": float, "lambda_": float, "temperature": float
    }  # fmt: skip


@pytest.mark.parametrize("defence", ONE_OF_EACH)
@pytest.mark.parametrize("opset", [13, 18, 24])
def test_the_function_has_the_name_the_inputs_and_the_attributes_of_the_defence(defence, opset):
    function = defence.function(opset)
    assert (function.domain, function.name) == ("ai.dynanoise", defence.function_name)
    assert len(function.inputs) == 1 + defence.takes_noise
    assert set(function.attributes) == set(defence.attributes(10))
    assert function.opset_imports[""] == opset
    assert isinstance(function, ir.Function)


def test_missing_parameters_have_their_defaults():
    assert DynaNoise.from_parameters({}) == DynaNoise()
    assert DynaNoise.from_parameters({"lambda": 3}) == DynaNoise(lambda_=3)
    assert NoParameters.from_parameters({}) == NoParameters()


@pytest.mark.parametrize(
    ("defence", "values", "name"),
    [
        (DynaNoise, {"epsilon": 1.0}, "epsilon"),
        (DynaNoise, {"lambda_": 1.0}, "lambda_"),
        (DynaNoise, {"sigma0": "0.5"}, "sigma0"),
        (DynaNoise, {"sigma0": None}, "sigma0"),
        (DynaNoise, {"sigma0": True}, "sigma0"),
        (DynaNoise, {"sigma0": [0.5]}, "sigma0"),
        (DynaNoise, {"sigma0": 10**400}, "sigma0"),
        (DynaNoise, {"sigma0": float("nan")}, "sigma0"),
        (DynaNoise, {"temperature": 0}, "temperature"),
        (Temperature, {"sigma0": 0.5}, "sigma0"),
        (NoParameters, {"temperature": 1}, "temperature"),
    ],
)
def test_other_parameters_are_refused_by_name(defence, values, name):
    with pytest.raises(UsageError, match=name):
        defence.from_parameters(values)


def test_a_node_with_other_attributes_is_refused():
    with pytest.raises(UsageError, match="temperature"):
        DynaNoise.from_attributes({"classes": 3, "temperature": 0.0})
    with pytest.raises(UsageError, match="sigma0"):
        Temperature.from_attributes({"classes": 3, "sigma0": 0.5})


@pytest.mark.parametrize("value", [1, 1.5, 2])
def test_a_value_within_its_bounds_passes(value):
    require_between("x", value, 1, 2)


@pytest.mark.parametrize("value", [0.99, 2.01, float("nan"), float("inf"), -float("inf")])
def test_a_value_out_of_its_bounds_is_refused_by_name(value):
    with pytest.raises(UsageError, match="the width"):
        require_between("the width", value, 1, 2)


def test_an_open_bound_excludes_the_bound_itself():
    with pytest.raises(UsageError):
        require_between("x", 1, 1, 2, open_low=True)
    require_between("x", 1 + 1e-9, 1, 2, open_low=True)


def test_the_catalogue_has_the_defences_of_this_library_by_their_own_names():
    assert DEFENCES.names()[0] == DEFAULT == "dynanoise"
    assert len(set(DEFENCES.names())) == len(DEFENCES.names())
    for name, defence in DEFENCES.all():
        assert defence.name == name


def test_an_unknown_defence_is_refused_by_name():
    with pytest.raises(UsageError, match="unheard-of"):
        make_defence("unheard-of", {})


def test_keeping_the_label_wraps_and_unwraps():
    plain = DynaNoise(0.7, 1.5, 4.0)
    kept = make_defence("dynanoise", plain.parameters, keep_label=True)
    assert kept == KeptLabel(plain) == keeping_label(plain, True) == keeping_label(kept, True)
    assert plain == keeping_label(kept, False) == keeping_label(plain, False)
    assert (plain.keep_label, kept.keep_label) == (False, True)


@pytest.mark.parametrize("defence", ONE_OF_EACH)
def test_a_kept_label_has_the_wrapped_defences_facts(defence):
    kept = KeptLabel(defence)
    for name in ("name", "function_name", "takes_noise", "parameters", "lipschitz"):
        assert getattr(kept, name) == getattr(defence, name)
    assert kept.attributes(10) == defence.attributes(10)
    assert (kept.law is None) == (defence.law is None)
    assert kept.function(18).identifier() == defence.function(18).identifier()
