import pytest

from dynanoise_export.defences.temperature import Temperature
from dynanoise_export.validation.check import CheckCode, Outcome
from dynanoise_export.validation.validating import validate
from support.judged import checks_on, failed_checks
from support.noise_free_mutants import OF_A_FLATTENED_EXPORT, OF_A_NOISE_FREE_EXPORT

OF_NOISE = {
    CheckCode.NO_SEED,
    CheckCode.LIVE_DRAWS,
    CheckCode.NOISE_REACHES_EVERY_CLASS,
    CheckCode.NOISE_AUDIT,
    CheckCode.GENERATOR,
}
OF_A_GUARD = {CheckCode.NOTHING_BUT_THE_GUARD, CheckCode.GUARD_HOLDS, CheckCode.GUARD_LEAVES_ROWS}
OF_A_NODE = {
    CheckCode.STATED_PARAMETERS,
    CheckCode.LOGITS_ARE_DEFENDED,
    CheckCode.MODEL_PARITY,
    CheckCode.SAME_LABELS,
    CheckCode.DEFENCE_PARITY,
}


@pytest.mark.parametrize(
    ("file", "not_applicable"),
    [("noise-free", OF_NOISE | OF_A_GUARD), ("flattened", OF_NOISE | OF_A_GUARD | OF_A_NODE)],
)
def test_an_exported_file_without_noise_passes_and_no_check_of_noise_applies(folder, file, not_applicable):
    validation = validate(folder / f"{file}.onnx", folder / "digits.pt", data=folder / "rows.npz", strict=True)
    assert validation.passed
    outcomes = {check.code: check.outcome for check in validation.checks}
    assert {code for code, outcome in outcomes.items() if outcome is Outcome.NOT_APPLICABLE} == not_applicable
    assert outcomes[CheckCode.ANSWER_PARITY] is Outcome.PASSED
    assert outcomes[CheckCode.ANSWERS_REPEAT_BETWEEN_CALLS] is Outcome.PASSED
    assert outcomes[CheckCode.SURVIVES_ONNXRUNTIME_ALL] is Outcome.PASSED


@pytest.mark.parametrize("mutant", OF_A_NOISE_FREE_EXPORT, ids=lambda mutant: mutant.name)
def test_a_wrong_defence_without_noise_is_caught_by_the_right_check(folder, tmp_path, mutant):
    assert mutant.check in checks_on(mutant, folder, "noise-free.onnx", tmp_path)


@pytest.mark.parametrize("mutant", OF_A_FLATTENED_EXPORT, ids=lambda mutant: mutant.name)
def test_a_wrong_flattened_defence_without_noise_is_caught_by_the_right_check(folder, tmp_path, mutant):
    assert mutant.check in checks_on(mutant, folder, "flattened.onnx", tmp_path)


def test_a_defence_with_noise_is_not_one_without(folder):
    assert CheckCode.ANSWER_PARITY in failed_checks(folder / "defended.onnx", folder, defence=Temperature())


def test_a_defence_without_noise_is_not_one_with(folder, paper):
    failed = failed_checks(folder / "noise-free.onnx", folder, defence=paper)
    assert {CheckCode.STATED_PARAMETERS, CheckCode.LIVE_DRAWS, CheckCode.NOISE_VARIANCE} <= set(failed)
