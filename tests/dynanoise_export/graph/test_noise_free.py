"""A defence that takes no noise in a graph: attached, walked, probed, taken out again, and in float16."""

import numpy as np
import onnx_ir as ir
import pytest
from scipy.special import softmax

from dynanoise_export.defences.keep_label import KeptLabel
from dynanoise_export.defences.temperature import Temperature
from dynanoise_export.errors import DefenceError, UnsupportedModelError
from dynanoise_export.graph.attach import attach
from dynanoise_export.graph.half import body_to_float16, precision_of
from dynanoise_export.graph.leaks import find_leaks, leaks_as_stated
from dynanoise_export.graph.logits import Logits, Scale
from dynanoise_export.graph.precision import prepared, to_float16
from dynanoise_export.graph.probe import make_probe
from dynanoise_export.graph.provenance import Provenance
from dynanoise_export.graph.undefended import undefended
from dynanoise_export.graph.values import value_named
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.types import Precision
from support.graphs import DEFENCE, defend, normals, parse, run

W = np.arange(1, 13).reshape(3, 4) / 10
WEIGHTS = f"<float[3,4] w = {{{','.join(map(str, W.ravel()))}}}>"
T = 3.0
STATED = Provenance("temperature", {"temperature": T}, None, None, "ONNX", "0", {})


def classifier(outputs="float[N,4] y", more=""):
    body = f"z = MatMul(x, w)\n y = Softmax<axis=-1>(z)\n {more}"
    return parse(f"g (float[N,3] x) => ({outputs}) {WEIGHTS} {{ {body} }}")


def expected(x):
    return softmax(x.astype(np.float64) @ W / T, axis=1)


@pytest.mark.parametrize("keep_label", [False, True])
@pytest.mark.parametrize("inline", [False, True])
def test_it_is_attached_without_noise_and_passes_the_walk(inline, keep_label):
    model = classifier("float[N,4] y, float[N,4] h", "h = Relu(z)")
    defence = KeptLabel(Temperature(T)) if keep_label else Temperature(T)
    attached = defend(model, "y", 4, defence=defence, inline=inline)
    assert attached.dropped == ("y", "h")
    assert attached.noise_input is None
    assert attached.leaks.passed
    assert attached.leaks.defended == ("probabilities",)
    assert attached.leaks.draws == ()
    assert [value.name for value in model.graph.inputs] == ["x"]
    x = normals(5, 3)
    (answer,) = run(model, x=x)
    np.testing.assert_allclose(answer, expected(x), atol=1e-6)


def test_the_walk_names_the_answers_that_keep_the_label():
    assert defend(classifier(), "y", 4, defence=Temperature(T)).leaks.labelled == ()
    assert defend(classifier(), "y", 4, defence=KeptLabel(Temperature(T))).leaks.labelled == ("probabilities",)


def test_logits_that_are_equal_for_every_query_are_refused():
    model = parse(f"g (float[N,3] x) => (float[3,4] z, float[N,3] h) {WEIGHTS} {{ z = Relu(w)\n h = Relu(x) }}")
    with pytest.raises(UnsupportedModelError):
        defend(model, "z", 4, defence=Temperature(T))


def test_a_second_output_that_depends_on_the_query_is_a_leak():
    model = classifier()
    defend(model, "y", 4, defence=Temperature(T))
    model.graph.outputs.append(model.graph[0].outputs[0])
    assert leaks_as_stated(model, STATED).leaking == ("z",)
    assert leaks_as_stated(model, STATED).defended == ("probabilities",)


def test_answers_that_the_defence_did_not_make_are_leaks():
    model = classifier()
    defend(model, "y", 4, defence=Temperature(T))
    (node,) = [node for node in model.graph if node.domain == "ai.dynanoise"]
    ir.convenience.replace_all_uses_with(node.outputs[0], node.inputs[0], replace_graph_outputs=True)
    model.graph.outputs[0].name = "probabilities"
    report = leaks_as_stated(model, STATED)
    assert report.leaking == ("probabilities",)
    assert report.defended == ()


def test_a_model_that_states_another_defence_or_none_is_not_excused():
    model = classifier()
    defend(model, "y", 4, defence=Temperature(T))
    unknown = Provenance("unheard-of", {}, None, None, "ONNX", "0", {})
    dynanoise = Provenance("dynanoise", DEFENCE.parameters, NoiseSource.RANDOM, None, "ONNX", "0", {})
    for report in (find_leaks(model), *(leaks_as_stated(model, stated) for stated in (None, unknown, dynanoise))):
        assert report.leaking == ("probabilities",)
        assert not report.passed


@pytest.mark.parametrize("keep_label", [False, True])
def test_the_probe_gives_what_the_defence_takes(keep_label):
    model = classifier()
    defend(model, "y", 4, defence=KeptLabel(Temperature(T)) if keep_label else Temperature(T))
    probe = make_probe(model)
    assert probe.noise is None
    assert value_named(probe.model, probe.logits).producer().inputs[0].name == "z"  # after the check of its width
    x = normals(5, 3)
    answer, logits = run(probe.model, x=x)
    np.testing.assert_allclose(answer, expected(x), atol=1e-6)
    np.testing.assert_allclose(logits, x.astype(np.float64) @ W, atol=1e-5)


@pytest.mark.parametrize("keep_label", [False, True])
def test_a_softmax_replaces_the_defence(keep_label):
    model = classifier()
    defend(model, "y", 4, defence=KeptLabel(Temperature(T)) if keep_label else Temperature(T))
    plain = undefended(model)
    assert [node.op_type for node in plain.graph] == ["MatMul", "Reshape", "Softmax"]
    assert not plain.functions
    x = normals(5, 3)
    np.testing.assert_allclose(run(plain, x=x)[0], softmax(x.astype(np.float64) @ W, axis=1), atol=1e-6)


def test_probabilities_are_given_back_without_another_softmax():
    model = classifier()
    attach(model, Logits(value_named(model, "y"), Scale.PROBABILITIES, "given"), 4, Temperature(T), None)
    x = normals(5, 3)
    np.testing.assert_allclose(run(model, x=x)[0], expected(x), atol=1e-6)
    assert [node.op_type for node in undefended(model).graph] == ["MatMul", "Softmax", "Reshape"]


def test_a_flattened_defence_can_not_be_taken_out():
    model = classifier()
    defend(model, "y", 4, defence=Temperature(T), inline=True)
    with pytest.raises(DefenceError):
        undefended(model)


def test_the_body_is_float16_and_the_defence_float32():
    model = classifier()
    defend(model, "y", 4, defence=Temperature(T))
    half, _ = body_to_float16(model, lambda body: (to_float16(prepared(body)), None))
    assert precision_of(half) is Precision.FP16
    x = normals(64, 3)
    (answer,) = run(half, x=x)
    assert answer.dtype == np.float32
    np.testing.assert_allclose(answer, expected(x), atol=2e-3)
