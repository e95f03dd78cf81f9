import onnx
import pytest

from support.judged import checks_on, failed_checks
from support.mutants import OF_THE_FORMULA, with_defence


def test_a_right_defence_in_plain_operators_of_another_tool_passes(folder, tmp_path, paper):
    onnx.save(with_defence(onnx.load(folder / "plain.onnx")), tmp_path / "theirs.onnx")
    assert failed_checks(tmp_path / "theirs.onnx", folder, defence=paper) == []


@pytest.mark.parametrize("mutant", OF_THE_FORMULA, ids=lambda mutant: mutant.name)
def test_a_wrong_formula_is_caught_by_the_right_check(folder, tmp_path, paper, mutant):
    assert mutant.check in checks_on(mutant, folder, "plain.onnx", tmp_path, defence=paper)
