"""The defence of a file against the one that this tool attaches."""

from dataclasses import replace

import numpy as np
import onnx_ir as ir
import onnxslim
import pytest

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.keep_label import KeptLabel
from dynanoise_export.defences.temperature import Temperature
from dynanoise_export.graph.attach import attach
from dynanoise_export.graph.defence_form import StatedDefence, UnknownFormError, compare_defence
from dynanoise_export.graph.logits import Logits, Scale
from dynanoise_export.graph.values import value_named
from dynanoise_export.noise.keyed.key import Key
from dynanoise_export.noise.keyed.keyed_noise import KeyedNoise
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.onnx_functions import DOMAIN, VERSION
from support.graphs import DEFENCE, noise_of, parse

RANDOM, INPUT, KEYED = NoiseSource
WEIGHTS = "<float[3,4] w = {1,2,3,4,5,6,7,8,9,10,11,12}>"
FORMS = [
    (defence, noise, floor, inline)
    for defence, noise in (
        (DEFENCE, RANDOM), (KeptLabel(DEFENCE), INPUT), (KeptLabel(DEFENCE), KEYED), (Temperature(3.0), None),
    )
    for floor, inline in ((None, False), (None, True), (0.01, False))
]  # fmt: skip


def made(defence=DEFENCE, noise=RANDOM, floor=None, inline=False):
    """Give a defended model, and what it states."""
    model = parse(f"g (float[N,3] x) => (float[N,4] z) {WEIGHTS} {{ z = MatMul(x, w) }}")
    scale = Scale.LOGITS if floor is None else Scale.PROBABILITIES
    source = None if noise is None else noise_of(noise)
    attach(model, Logits(value_named(model, "z"), scale, "", floor=floor), 4, defence, source, inline=inline)
    fed = "noise" if noise is INPUT else None
    return model, StatedDefence(defence, source, fed, 4, (floor,))


def difference(model, stated):
    return compare_defence(model, "probabilities", stated).difference


@pytest.mark.parametrize(("defence", "noise", "floor", "inline"), FORMS)
def test_what_export_attaches_is_what_it_states(defence, noise, floor, inline):
    model, stated = made(defence, noise, floor, inline)
    found = compare_defence(model, "probabilities", stated)
    assert found.difference is None
    assert found.scores.producer().op_type == "MatMul"


@pytest.mark.parametrize(("defence", "noise"), [(DEFENCE, RANDOM), (KeptLabel(DEFENCE), KEYED)])
def test_names_order_and_folding_make_no_difference(defence, noise):
    model, stated = made(defence, noise)
    slim = ir.from_proto(onnxslim.slim(ir.to_proto(model)))
    for number, node in enumerate(slim.graph):
        node.name = f"n{number}"
        for output in node.outputs:
            if output not in slim.graph.outputs:
                output.name = f"v{number}"
    assert difference(slim, stated) is None


@pytest.mark.parametrize("other", [DynaNoise(0.7, 1.5, 5.0), DynaNoise(0.6, 1.5, 4.0), KeptLabel(DEFENCE)])
@pytest.mark.parametrize("inline", [False, True])
def test_another_defence_is_a_difference(other, inline):
    model, stated = made(inline=inline)
    assert difference(model, StatedDefence(other, stated.noise, None, 4, (None,))) is not None


def test_another_noise_input_is_a_difference():
    model, stated = made(noise=INPUT)
    assert difference(model, StatedDefence(DEFENCE, stated.noise, "x", 4, (None,))) is not None


def test_without_the_key_only_the_shapes_of_the_tables_are_compared():
    model, stated = made(noise=KEYED)
    table = model.graph.initializers["dynanoise_table_normals"]
    table.const_value = ir.tensor(table.const_value.numpy() * 2, name=table.name)
    assert difference(model, stated) is not None
    assert difference(model, StatedDefence(DEFENCE, stated.noise, None, 4, (None,), tables=False)) is None


def test_without_the_key_what_is_computed_from_the_tables_is_not_compared_either():
    model, stated = made(KeptLabel(DEFENCE), KEYED)
    other = KeyedNoise(Key(bytes(32)))
    assert difference(model, replace(stated, noise=other)) is not None
    assert difference(model, replace(stated, noise=other, tables=False)) is None


@pytest.mark.parametrize("inline", [False, True])
def test_the_form_of_another_version_is_not_compared(inline):
    model, stated = made(inline=inline)
    model.opset_imports[DOMAIN] = VERSION - 1
    with pytest.raises(UnknownFormError):
        difference(model, stated)


def test_a_repeated_number_may_be_rounded_and_no_other_list():
    model, stated = made(inline=True)
    slim = ir.from_proto(onnxslim.slim(ir.to_proto(model)))
    product = next(node for node in slim.graph if node.op_type == "Gemm")
    weights = product.inputs[1]
    numbers = weights.const_value.numpy()
    rounded = {np.nextafter(numbers, np.float32(1)).tobytes(): None, numbers.tobytes(): None}
    for raw in rounded:
        weights.const_value = ir.tensor(np.frombuffer(raw, np.float32).reshape(numbers.shape), name=weights.name)
        assert difference(slim, stated) is None
    numbers = numbers.copy()
    numbers[0] = np.nextafter(numbers[0], np.float32(1))
    weights.const_value = ir.tensor(numbers, name=weights.name)
    assert difference(slim, stated) is not None


def test_a_constant_that_a_caller_can_replace_is_none():
    model, stated = made(noise=KEYED)
    model.graph.inputs.append(model.graph.initializers["dynanoise_table_normals"])
    assert difference(model, stated) is not None


def test_a_missing_width_counts_unless_the_file_declares_it():
    model, stated = made()
    guard = next(node for node in model.graph if node.op_type == "Reshape")
    ir.convenience.replace_all_uses_with(guard.outputs[0], guard.inputs[0])
    assert difference(model, stated) is None
    value_named(model, "z").shape = ir.Shape([None, None])
    assert difference(model, stated) is not None


def test_a_fused_operator_of_another_tool_is_not_compared():
    model, stated = made(inline=True)
    last = model.graph.outputs[0].producer()
    last.domain = "com.microsoft"
    with pytest.raises(UnknownFormError):
        difference(model, stated)
