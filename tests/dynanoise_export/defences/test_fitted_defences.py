"""What holds for every defence that is fitted to a model: graph and NumPy agree, labels stay, tensors travel."""

import dataclasses

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dynanoise_export.defences.catalogue import DEFENCES, make_defence
from dynanoise_export.defences.keep_label import KeptLabel
from dynanoise_export.errors import UsageError
from dynanoise_export.fixed_tensors import FixedTensor
from support.defences import defence_alone, in_runtime
from support.fitted_defences import CLASSES, FITTED, fitted, fitting_data
from support.graphs import normals

DEFENCE = {name: fitted(name) for name in FITTED}
SESSION = {name: in_runtime(defence_alone(defence, CLASSES)) for name, defence in DEFENCE.items()}
LOGITS = np.concatenate([fitting_data().logits, 20 * normals(100, CLASSES), 1e-3 * normals(50, CLASSES)])
NOISE = normals(len(LOGITS), CLASSES, seed=1)


def in_graph(name, logits, noise):
    sent = {"logits": logits} | ({"noise": noise} if DEFENCE[name].takes_noise else {})
    return SESSION[name].run(sent)["probabilities"]


@pytest.mark.parametrize("name", FITTED)
def test_the_graph_answers_as_numpy_does_in_float64(name):
    expected = DEFENCE[name].defend(LOGITS.astype(np.float64), NOISE.astype(np.float64))
    np.testing.assert_allclose(in_graph(name, LOGITS, NOISE), expected, rtol=0, atol=5e-6)
    np.testing.assert_allclose(expected.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("opset", [13, 24])
@pytest.mark.parametrize("name", FITTED)
def test_the_function_is_valid_and_the_same_at_other_opsets(name, opset):
    model = defence_alone(DEFENCE[name], CLASSES, opset=opset)
    onnx.checker.check_model(ir.to_proto(model), full_check=True)
    sent = {"logits": LOGITS} | ({"noise": NOISE} if DEFENCE[name].takes_noise else {})
    answers = in_runtime(model).run(sent)["probabilities"]
    np.testing.assert_allclose(answers, in_graph(name, LOGITS, NOISE), rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", FITTED)
@settings(max_examples=60, deadline=None)
@given(
    logits=arrays(np.float32, (3, CLASSES), elements=st.floats(-60, 60, width=32) | st.sampled_from([0, 1])),
    seed=st.integers(0, 1000),
)
def test_the_label_is_kept_for_all_queries(name, logits, seed):
    answers = in_graph(name, logits, normals(3, CLASSES, seed=seed))
    label = logits.argmax(axis=1)[:, None]
    others = answers.copy()
    np.put_along_axis(others, label, -1, axis=1)
    assert (np.take_along_axis(answers, label, axis=1)[:, 0] > others.max(axis=1)).all()


@pytest.mark.parametrize("name", FITTED)
def test_infinite_logits_give_an_answer_and_nan_stays(name):
    inf, nan = np.inf, np.nan
    logits = np.array(
        [[inf, 0, 0, 0, 0, 0], [-inf, 1, 2, 3, 4, -inf], [-inf, -inf, 0, -inf, -inf, -inf], [nan, 0, 0, 0, 0, 0]],
        np.float32,
    )
    answers = in_graph(name, logits, NOISE[:4])
    twin = DEFENCE[name].defend(logits[:3].astype(np.float64), NOISE[:3].astype(np.float64))
    np.testing.assert_allclose(answers[:3], twin, atol=5e-6)
    assert list(answers[:3].argmax(axis=1)) == [0, 4, 2]
    assert np.isnan(answers[3]).any()


@pytest.mark.parametrize("name", FITTED)
def test_it_is_made_again_from_parameters_and_tensors_and_fitting_repeats(name):
    defence = DEFENCE[name]
    assert make_defence(name, defence.parameters, tensors=defence.tensors) == defence
    assert type(defence).from_attributes(defence.attributes(CLASSES), defence.tensors) == defence
    assert fitted(name) == defence
    kept = KeptLabel(defence)
    assert (kept.tensors, kept.adds_noise) == (defence.tensors, defence.adds_noise)
    assert make_defence(name, defence.parameters, tensors=defence.tensors, keep_label=True) == kept


@pytest.mark.parametrize("name", FITTED)
def test_without_its_tensors_or_with_others_it_is_refused(name):
    defence = DEFENCE[name]
    with pytest.raises(UsageError):
        make_defence(name, {})
    with pytest.raises(UsageError):
        make_defence(name, {}, tensors=defence.tensors | {"more": FixedTensor.of([1.0])})
    for tensor in defence.tensor_names:
        for wrong in (FixedTensor.of(0.0), FixedTensor.of([]), FixedTensor.of([[np.nan]])):
            with pytest.raises(UsageError):
                make_defence(name, {}, tensors=defence.tensors | {tensor: wrong})


@pytest.mark.parametrize("name", FITTED)
def test_a_model_with_other_classes_is_refused(name):
    with pytest.raises(UsageError):
        DEFENCE[name].attributes(CLASSES + 1)


@pytest.mark.parametrize("name", FITTED)
def test_nothing_is_taken_back_and_averages_are_of_answers(name):
    defence, logits = DEFENCE[name], LOGITS[:20].astype(np.float64)
    log_p = np.log(defence.defend(logits, np.zeros_like(logits)))
    assert defence.undo(log_p) is log_p
    if not defence.takes_noise:
        np.testing.assert_allclose(defence.mean_answer(logits, 64, np.random.default_rng(0)), log_p)
    else:
        once, often = (defence.mean_answer(logits, n, np.random.default_rng(0)) for n in (1, 400))
        again = defence.mean_answer(logits, 400, np.random.default_rng(1))
        assert np.abs(often - again).mean() < np.abs(once - again).mean()


@pytest.mark.parametrize("name", FITTED)
def test_between_its_edges_an_answer_moves_no_farther_than_stated(name):
    defence, noise = DEFENCE[name], NOISE.astype(np.float64)
    logits, step = LOGITS.astype(np.float64), 1e-5
    moved = logits + step * np.sign(normals(*logits.shape, seed=2, dtype=np.float64))
    difference = np.abs(defence.defend(moved, noise) - defence.defend(logits, noise)).max(axis=1)
    assert (difference <= defence.lipschitz * step + defence.jump(logits, np.full_like(logits, step)) + 1e-9).all()


def test_a_jump_covers_what_happens_at_a_tie():
    logits, moved = np.array([[1.0, 1 + 1e-6, 0, -1, -2, -3]]), np.full((1, CLASSES), 1e-6)
    swapped = logits[:, [1, 0, 2, 3, 4, 5]]
    for name, defence in DEFENCE.items():
        noise = NOISE[:1].astype(np.float64)
        difference = np.abs(defence.defend(logits, noise) - defence.defend(swapped, noise)).max()
        assert defence.jump(logits, moved)[0] >= difference - 1e-5, name
        assert defence.jump(np.array([[5.0, 3, 1, -1, -3, -5]]), moved)[0] == 0


def test_parameters_out_of_bounds_are_refused():
    wrong = {"memguard": {"steps": 1.5, "budget": 0, "step_size": -1}, "memguard-limit": {"budget": 3}}
    wrong |= {"targeted": {"threshold": 1, "strength": 0, "steps": 0}}
    wrong |= {"neighborhood-blending": {"neighbours": 0.5, "blend": 0, "epsilon": -1}}
    for name, values in wrong.items():
        for parameter, value in values.items():
            with pytest.raises(UsageError, match=parameter):
                dataclasses.replace(DEFENCE[name], **{parameter: value})


def test_all_defences_of_the_catalogue_with_tensors_are_tested_here():
    assert {name for name, kind in DEFENCES.all() if kind.tensor_names} == set(FITTED)
