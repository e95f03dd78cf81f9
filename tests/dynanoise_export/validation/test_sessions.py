"""What another session answers: random noise may repeat there in ONNX Runtime, as is known, and keyed noise must."""

import pytest

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.exporting import export
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.noise.strength import Where, judgement
from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimeEndpoint, OnnxRuntimePredictor
from dynanoise_export.validation.check import CheckCode, Outcome, judge, not_run
from dynanoise_export.validation.generator_checks import excused, generator
from dynanoise_export.validation.validating import validate

# `validate` opens the file once for itself, once for repeated queries, and then as another session.
ANOTHER_SESSION = 3

SESSIONS = CheckCode.NOISE_FRESH_BETWEEN_SESSIONS


def test_keyed_noise_that_differs_in_another_session_fails(checkpoint, tmp_path, monkeypatch):
    keyed, other = tmp_path / "keyed.onnx", tmp_path / "other.onnx"
    for path in (keyed, other):  # each with a key of its own
        export(checkpoint, path, defence=DynaNoise(2, 2, 2), noise=NoiseSource.KEYED)
    opened = []

    def open_another(endpoint):
        opened.append(endpoint)
        return OnnxRuntimePredictor(other if len(opened) == ANOTHER_SESSION else endpoint.path)

    monkeypatch.setattr(OnnxRuntimeEndpoint, "open", open_another)
    outcomes = {check.code: check.outcome for check in validate(str(keyed), str(checkpoint)).checks}
    assert outcomes[CheckCode.ANSWERS_REPEAT_BETWEEN_CALLS] is Outcome.PASSED
    assert outcomes[CheckCode.ANSWERS_REPEAT_BETWEEN_PROCESSES] is Outcome.PASSED
    assert outcomes[CheckCode.ANSWERS_REPEAT_BETWEEN_SESSIONS] is Outcome.FAILED


@pytest.mark.parametrize(
    ("check", "where", "outcome"),
    [
        (judge(SESSIONS, 1, 0, ""), Where.ONNXRUNTIME_CPU, Outcome.WARNING),
        (judge(SESSIONS, 0, 0, ""), Where.ONNXRUNTIME_CPU, Outcome.PASSED),
        (not_run(SESSIONS, ""), Where.ONNXRUNTIME_CPU, Outcome.NOT_RUN),
        (judge(SESSIONS, 1, 0, ""), Where.ONNXRUNTIME_CUDA, Outcome.FAILED),
        (judge(SESSIONS, 1, 0, ""), Where.SERVER, Outcome.FAILED),  # not known
        (judge(CheckCode.NOISE_FRESH_BETWEEN_PROCESSES, 1, 0, ""), Where.ONNXRUNTIME_CPU, Outcome.FAILED),
    ],
)
def test_sessions_are_excused_only_where_they_are_known_to_repeat(check, where, outcome):
    assert excused(check, judgement(NoiseSource.RANDOM, where)).outcome is outcome


@pytest.mark.parametrize(
    ("where", "outcome"),
    [
        (Where.ONNXRUNTIME_CPU, Outcome.WARNING),
        (Where.TENSORRT_RTX, Outcome.WARNING),
        (Where.ONNXRUNTIME_CUDA, Outcome.PASSED),
        (Where.SERVER, Outcome.PASSED),
    ],
)
def test_a_generator_that_is_known_to_be_weak_is_a_warning(where, outcome):
    assert generator(judgement(NoiseSource.RANDOM, where)).outcome is outcome
