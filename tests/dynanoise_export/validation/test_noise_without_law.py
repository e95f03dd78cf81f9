"""A defence whose noise follows no known law is judged by all checks but the audit."""

import onnx
import pytest

from dynanoise_export.defences.catalogue import DEFENCES
from dynanoise_export.exporting import export
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.validation.check import CheckCode, Outcome
from dynanoise_export.validation.validating import validate
from support.judged import failed_checks
from support.noise_without_law import Blurred
from support.random_draws import draw_of


@pytest.fixture(autouse=True)
def blurred_is_registered():
    with DEFENCES.registered("blurred", Blurred):
        yield


@pytest.fixture
def exported(folder, tmp_path):
    """Give a function that exports the classifier with noise from a source."""

    def make(noise):
        return export(folder / "plain.onnx", tmp_path / "blurred.onnx", defence=Blurred(), noise=noise).path

    return make


@pytest.mark.parametrize(
    ("noise", "passed"),
    [
        (NoiseSource.RANDOM, CheckCode.LIVE_DRAWS),
        (NoiseSource.INPUT, CheckCode.FED_NOISE_PARITY),
        (NoiseSource.KEYED, CheckCode.KEYED_NOISE),
    ],
)
def test_it_passes_and_only_the_audit_does_not_apply(folder, exported, noise, passed):
    validation = validate(exported(noise), folder / "digits.pt", data=folder / "rows.npz")
    assert [c.code for c in validation.checks if c.outcome in (Outcome.FAILED, Outcome.NOT_RUN)] == []
    outcomes = {check.code: check.outcome for check in validation.checks}
    for code in (passed, CheckCode.MODEL_PARITY, CheckCode.DEFENCE_PARITY, CheckCode.SURVIVES_ONNXRUNTIME_ALL):
        assert outcomes[code] is Outcome.PASSED
    audit = set() if noise is NoiseSource.INPUT else {CheckCode.NOISE_AUDIT}
    guard = {CheckCode.NOTHING_BUT_THE_GUARD, CheckCode.GUARD_HOLDS, CheckCode.GUARD_LEAVES_ROWS}
    assert {code for code, outcome in outcomes.items() if outcome is Outcome.NOT_APPLICABLE} == audit | guard


def test_its_noise_repeats_between_sessions_in_onnx_runtime_which_is_a_warning(folder, exported):
    validation = validate(exported(NoiseSource.RANDOM), folder / "digits.pt", data=folder / "rows.npz")
    outcomes = {check.code: check.outcome for check in validation.checks}
    assert outcomes[CheckCode.NOISE_ALIVE] is Outcome.WARNING
    assert outcomes[CheckCode.GENERATOR] is Outcome.WARNING


def test_dead_noise_is_caught(folder, exported):
    path = exported(NoiseSource.RANDOM)
    model = onnx.load(path)
    draw = draw_of(model)
    draw.CopyFrom(onnx.helper.make_node("Sub", [draw.input[0], draw.input[0]], draw.output))
    onnx.save(model, path)
    assert CheckCode.NOISE_ALIVE in failed_checks(path, folder)
