"""The undefended graph answers with the softmax of the logits, and holds nothing of the defence."""

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from dynanoise_export.defences.keep_label import keeping_label
from dynanoise_export.errors import DefenceError
from dynanoise_export.graph.attach import attach
from dynanoise_export.graph.logits import Logits, Scale
from dynanoise_export.graph.provenance import Provenance, write_provenance
from dynanoise_export.graph.undefended import undefended
from dynanoise_export.graph.values import value_named
from dynanoise_export.noise.random_noise import RandomNoise
from dynanoise_export.noise.source import NoiseSource
from support.graphs import DEFENCE, defend, normals, parse, run

W = np.arange(1, 13).reshape(3, 4)
WEIGHTS = "<float[3,4] w = {1,2,3,4,5,6,7,8,9,10,11,12}>"
CLASSIFIER = f"g (float[N,3] x) => (float[N,4] y) {WEIGHTS} {{ z = MatMul(x, w)\n y = Softmax<axis=-1>(z) }}"


def softmax(z):
    powers = np.exp(z - z.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def defended(noise, *, keep_label=False, inline=False):
    """Give a defended model as it is read from a file."""
    model = parse(CLASSIFIER)
    defence = keeping_label(DEFENCE, keep_label)
    attached = defend(model, "y", 4, noise, defence, inline=inline)
    stated = Provenance(defence.name, defence.parameters, noise, attached.noise_input, "ONNX", "0", {})
    write_provenance(model, stated)
    return ir.from_proto(onnx.load_from_string(ir.to_proto(model).SerializeToString()))


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize("keep_label", [False, True])
@pytest.mark.parametrize("noise", list(NoiseSource))
def test_a_softmax_replaces_the_defence(noise, keep_label, inline):
    plain = undefended(defended(noise, keep_label=keep_label, inline=inline))
    assert [node.op_type for node in plain.graph] == ["MatMul", "Reshape", "Softmax"]
    assert list(plain.graph.initializers) == ["w", "dynanoise_rows"]  # and no table of a key
    assert [value.name for value in plain.graph.inputs] == ["x"]
    assert not any(name.startswith("dynanoise") for name in plain.metadata_props)
    assert not plain.functions
    onnx.checker.check_model(ir.to_proto(plain), full_check=True)
    x = normals(5, 3)
    (answers,) = run(plain, x=x)
    np.testing.assert_allclose(answers, softmax(x.astype(np.float64) @ W), atol=1e-6)


def test_the_defended_model_is_not_changed():
    model = defended(NoiseSource.KEYED)
    before = ir.to_proto(model).SerializeToString()
    undefended(model)
    assert ir.to_proto(model).SerializeToString() == before


def test_a_model_that_gives_probabilities_gives_them_without_another_softmax():
    model = parse(
        f"g (float[N,3] x) => (float[N,4] y) {WEIGHTS} "
        "{ z = MatMul(x, w)\n p = Softmax<axis=-1>(z)\n n = Neg(z)\n q = Softmax<axis=-1>(n)\n y = Mean(p, q) }"
    )
    y = value_named(model, "y")
    attach(model, Logits(y, Scale.PROBABILITIES, "given"), 4, DEFENCE, RandomNoise())
    plain = undefended(model)
    assert [node.op_type for node in plain.graph] == ["MatMul", "Softmax", "Neg", "Softmax", "Mean", "Reshape"]
    x = normals(5, 3)
    z = x.astype(np.float64) @ W
    np.testing.assert_allclose(run(plain, x=x)[0], (softmax(z) + softmax(-z)) / 2, atol=1e-6)


@pytest.mark.parametrize(
    "graph",
    [
        CLASSIFIER,
        "g (float[N,3] x) => (float[N,3] y) { e = RandomNormalLike(x)\n y = Softmax<axis=-1>(e) }",
    ],
    ids=["no noise", "noise that is added to nothing"],
)
def test_a_model_without_a_defence_is_refused(graph):
    with pytest.raises(DefenceError):
        undefended(parse(graph))
