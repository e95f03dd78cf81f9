import onnx
import pytest

from support.graph_mutants import OF_AN_EXPORT, OF_THE_GRAPH
from support.judged import checks_on, failed_checks
from support.mutants import with_defence


def test_an_exported_file_passes(folder):
    assert failed_checks(folder / "defended.onnx", folder) == []


@pytest.mark.parametrize("mutant", OF_THE_GRAPH, ids=lambda mutant: mutant.name)
def test_a_wrong_graph_is_caught_by_the_right_check(folder, tmp_path, paper, mutant):
    onnx.save(with_defence(onnx.load(folder / "plain.onnx")), tmp_path / "right.onnx")
    assert mutant.check in checks_on(mutant, folder, tmp_path / "right.onnx", tmp_path, defence=paper)


@pytest.mark.parametrize("mutant", OF_AN_EXPORT, ids=lambda mutant: mutant.name)
def test_a_wrong_export_is_caught_by_the_right_check(folder, tmp_path, mutant):
    assert mutant.check in checks_on(mutant, folder, "defended.onnx", tmp_path)
