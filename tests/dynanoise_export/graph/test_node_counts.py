"""How many operators a defence adds after ONNX Runtime's own optimisation: on a GPU each is a kernel of 3 to 5 µs."""

import pytest

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.keep_label import keeping_label
from dynanoise_export.graph.attach import attach
from dynanoise_export.graph.logits import Logits, Scale
from dynanoise_export.graph.values import value_named
from dynanoise_export.noise.source import NoiseSource
from support.defences import operators_left
from support.graphs import noise_of, parse

RANDOM, INPUT, KEYED = NoiseSource
# On CUDA the last Add and the softmax are one operator (BiasSoftmax), so that one less is left there.
MOST = {(RANDOM, 10): 10, (RANDOM, 100): 10, (INPUT, 10): 9, (KEYED, 10): 24, (KEYED, 100): 24, (KEYED, 7): 24}
KEPT = 6


def linear(classes):
    weights = ", ".join(str(number) for number in range(3 * classes))
    return parse(
        f"g (float[N,3] x) => (float[N,{classes}] z) <float[3,{classes}] w = {{{weights}}}> {{ z = Gemm(x, w) }}"
    )


def added(noise, classes, *, keep_label=False):
    """Count the operators beyond those of the same model with a softmax."""
    model = linear(classes)
    defence = keeping_label(DynaNoise(), keep_label)
    attach(model, Logits(value_named(model, "z"), Scale.LOGITS, "given"), classes, defence, noise_of(noise))
    return len(operators_left(model)) - len(["Gemm", "Softmax"])


@pytest.mark.parametrize(("noise", "classes"), MOST)
def test_a_defence_adds_so_many_operators(noise, classes):
    assert added(noise, classes) <= MOST[noise, classes]


@pytest.mark.parametrize("noise", [RANDOM, INPUT, KEYED])
def test_kept_labels_add_six_more(noise):
    assert added(noise, 10, keep_label=True) - added(noise, 10) <= KEPT


def test_no_operator_holds_the_width_of_a_linear_layer_and_one_holds_that_of_others():
    plain, model = linear(4), parse("g (float[N,4] x) => (float[N,4] z) { z = Neg(x) }")
    for one, held in ((plain, False), (model, True)):
        logits = Logits(value_named(one, "z"), Scale.LOGITS, "given")
        attach(one, logits, 4, DynaNoise(), noise_of(RANDOM))
        assert ("Reshape" in operators_left(one)) == held
