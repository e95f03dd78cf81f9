"""What must hold for every defence: its graph is its reference, and what it states makes it again."""

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from scipy.special import log_softmax

from dynanoise_export.defences.catalogue import DEFENCES, make_defence
from dynanoise_export.defences.keep_label import keeping_label
from dynanoise_export.exporting import export
from dynanoise_export.inspecting import inspect
from support.defences import defence_alone, in_runtime
from support.every_defence import CLASSES, WITHOUT_TENSORS, named, rows_of_logits
from support.graphs import normals

ROWS = rows_of_logits()
# The last is the newest that ONNX Runtime takes.
OPSETS = [13, 18, 24]

every_defence = pytest.mark.parametrize("defence", WITHOUT_TENSORS, ids=named)


def answered(model, logits, noise):
    predictor = in_runtime(model)
    fed = {"logits": logits, "noise": noise}
    return predictor.run({name: fed[name] for name in predictor.inputs})["probabilities"]


def test_the_list_has_every_defence_that_needs_no_fitting():
    known = {name for name, defence in DEFENCES.all() if not defence.tensor_names and not name.startswith("toy-")}
    assert {defence.name for defence in WITHOUT_TENSORS} == known


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("opset", OPSETS)
@every_defence
def test_the_graph_answers_as_the_reference(defence, opset, keep):
    model = defence_alone(keeping_label(defence, keep), CLASSES, opset=opset)
    onnx.checker.check_model(ir.to_proto(model), full_check=True)
    for kind, logits in ROWS.items():
        noise = normals(*logits.shape)
        answers = answered(model, logits, noise)
        expected = keeping_label(defence, keep).defend(logits.astype(np.float64), noise.astype(np.float64))
        np.testing.assert_allclose(answers, expected, rtol=0, atol=2e-6, err_msg=kind)
        np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-6, err_msg=kind)
        if not defence.takes_noise or keep:
            assert (answers.argmax(axis=1) == logits.argmax(axis=1)).all(), kind


@every_defence
def test_no_value_has_the_name_that_tensorrt_rtx_uses_itself(defence):
    names = {value.name for node in defence.function(18) for value in node.outputs}
    assert "_" not in names


@every_defence
def test_a_row_with_nan_gets_no_answer_that_looks_like_one(defence):
    logits = np.array([[0, np.nan, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5, 6]], np.float32)
    noise = normals(*logits.shape)
    answers = answered(defence_alone(defence, CLASSES), logits, noise)
    assert np.isnan(answers[0].sum())
    assert np.isnan(defence.defend(logits.astype(np.float64), noise.astype(np.float64))[0].sum())
    assert np.isfinite(answers[1]).all()


@every_defence
def test_answers_move_by_no_more_than_they_state(defence):
    generator = np.random.default_rng(1)
    # Half of the rows lie next to an edge: two of their classes are nearly equal.
    logits = 2 * generator.standard_normal((4000, CLASSES))
    logits[::2, 1] = logits[::2, 2] + 1e-4 * generator.standard_normal(2000)
    moved = np.full_like(logits, 1e-4)
    noise = generator.standard_normal(logits.shape)
    first = defence.defend(logits, noise)
    bound = defence.jump(logits, moved) + 1e-4 * defence.lipschitz
    for _ in range(4):
        second = defence.defend(logits + generator.choice([-1e-4, 1e-4], logits.shape), noise)
        # A label that ties with another class is larger by 2^-20 of itself.
        assert (np.abs(second - first).max(axis=1) <= bound + 1e-6).all()
    edges = (defence.jump(logits, moved) > 0).mean()
    assert edges < 0.5
    assert (edges > 0) == (not defence.takes_noise and defence.name != "temperature")


@every_defence
def test_what_an_attacker_averages_is_what_undo_makes_of_one_answer(defence):
    logits = 3 * normals(20_000, CLASSES, dtype=np.float64)[:1].repeat(20_000, axis=0)
    generator = np.random.default_rng(2)
    noise = generator.standard_normal(logits.shape)
    answers = log_softmax(defence.undo(np.log(np.maximum(defence.defend(logits, noise), 1e-37))), axis=1)
    drawn = log_softmax(defence.mean_answer(logits, 1, generator), axis=1)
    for of_answers, of_drawn in ((answers.mean(axis=0), drawn.mean(axis=0)), (answers.std(axis=0), drawn.std(axis=0))):
        np.testing.assert_allclose(of_answers, of_drawn, atol=0.05)
    assert np.isfinite(drawn).all()


@every_defence
def test_an_export_states_its_defence_and_is_made_again_from_it(defence, checkpoint, tmp_path):
    made = export(checkpoint, tmp_path / "defended.onnx", defence=defence)
    stated = inspect(made.path).provenance
    assert (stated.defence, stated.parameters) == (defence.name, defence.parameters)
    assert stated.made_defence() == make_defence(defence.name, defence.parameters) == defence
    (node,) = [node for node in inspect(made.path).defence_nodes if node.function == defence.function_name]
    assert node.attributes == pytest.approx(defence.attributes(10))
