import pytest

from support.judged import checks_on, failed_checks
from support.score_mutants import OF_A_FLOORED_EXPORT, OF_THE_SCORES


def test_an_export_of_probabilities_passes(folder):
    assert failed_checks(folder / "floored.onnx", folder, "votes.onnx") == []


@pytest.mark.parametrize("mutant", OF_THE_SCORES, ids=lambda mutant: mutant.name)
def test_scores_that_are_no_logits_are_caught_by_the_right_check(folder, tmp_path, paper, mutant):
    assert mutant.check in checks_on(mutant, folder, "plain.onnx", tmp_path, defence=paper)


@pytest.mark.parametrize("mutant", OF_A_FLOORED_EXPORT, ids=lambda mutant: mutant.name)
def test_a_wrong_floor_is_caught_by_the_right_check(folder, tmp_path, mutant):
    assert mutant.check in checks_on(mutant, folder, "floored.onnx", tmp_path, reference="votes.onnx")
