import numpy as np
import onnxruntime
import pytest

from dynanoise_export.attacks.queries.generator_state import find_state
from dynanoise_export.attacks.queries.normal_generator import normals, predict
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.dynanoise_reference import noise_scale
from dynanoise_export.exporting import export
from support.blobs import Blobs
from support.exports import session_of
from support.lehmer import of_linux

STATE = 1_234_567_890


def answers(calls, classes, *, state=STATE, scale=3.3):
    """Make noisy logits of one query, each row with a constant of its own, and give the state after them."""
    rng = np.random.default_rng(0)
    logits, made = rng.normal(0, 5, classes), []
    for rows in calls:
        noise, state = normals(state, rows * classes)
        made.append(logits + scale * noise.reshape(rows, classes) + rng.normal(0, 4, (rows, 1)))
    return made, state


@pytest.mark.parametrize(
    ("calls", "classes"), [([256], 10), ([256], 30), ([1] * 256, 11), ([21, 70, 129, 36], 7), ([64], 1000)]
)
def test_it_finds_the_state_after_the_answers(calls, classes):
    made, after = answers(calls, classes)
    assert find_state(made) == after


@pytest.mark.parametrize("scale", [0.01, 100])
def test_the_scale_of_the_noise_does_not_matter(scale):
    made, after = answers([256], 10, scale=scale)
    assert find_state(made) == after


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("rows", "classes"), [(64, 2), (256, 2), (64, 3), (64, 10), (256, 100)])
def test_it_finds_any_state(seed, rows, classes):
    made, after = answers([rows], classes, state=int(np.random.default_rng(seed).integers(1, 2**31 - 1)))
    assert find_state(made) == after


def test_nothing_fits_draws_in_between():
    (first, _), (_, state) = answers([192], 30), answers([193], 30)
    second, _ = answers([64], 30, state=state)
    assert find_state([*first, *second]) is None


def test_nothing_fits_another_generator():
    assert find_state([np.random.default_rng(0).normal(size=(256, 60))]) is None


@pytest.mark.parametrize("made", [np.zeros((64, 10)), np.random.default_rng(0).normal(size=(4, 10))])
def test_answers_without_noise_and_few_answers_tell_nothing(made):
    assert find_state([made]) is None


def test_it_says_how_far_it_is():
    steps = []
    find_state(answers([256], 30)[0], progress=steps.append)
    assert steps
    assert all(0 <= step.done <= step.total for step in steps)


@of_linux
def test_the_noise_of_others_answers_is_known(tmp_path):
    """256 answers to one query, then 500 rows of others: what is left of their noise is the rounding of an answer."""
    blobs, defence = Blobs.drawn(8, classes=10), DynaNoise()
    source, output = blobs.model(tmp_path / "plain.onnx"), tmp_path / "defended.onnx"
    export(source, output, defence=defence, noise="random")
    session: onnxruntime.InferenceSession = session_of(output)
    rows, _ = blobs.rows(500)

    def noisy_logits(inputs):
        return defence.temperature * np.log(session.run(None, {"x": inputs})[0].astype(np.float64))

    state = find_state([noisy_logits(np.repeat(rows[:1], 256, axis=0))])
    assert state is not None
    seen = np.concatenate([noisy_logits(rows[:7]), noisy_logits(rows[7:8]), noisy_logits(rows[8:])])
    expected = np.concatenate(list(predict(state, [(7, 10), (1, 10), (492, 10)])))
    logits = session_of(source).run(None, {"x": rows})[0].astype(np.float64)
    noise = (seen - logits) / noise_scale(logits, defence.sigma0, defence.lambda_)
    left = noise - expected
    assert np.abs(left - left.mean(axis=1, keepdims=True)).max() < 1e-4
