import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
import torch

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.exporting import ExportOptions, export
from dynanoise_export.parameters import NoiseSource, Parameters
from dynanoise_export.sources.open_source import open_source
from dynanoise_models.checkpoints import save_checkpoint
from dynanoise_models.experiments import Choices, prepare
from dynanoise_models.targets import TARGETS
from dynanoise_models.training.loop import Task, fit
from support.keyed_mutants import OF_A_KEYED_EXPORT
from support.modules import seeded
from support.mutants import ELSEWHERE, IN_THE_HEAD, OF_AN_EXPORT, with_head

PAPER = ["--base-variance", "0.3", "--lambda", "2", "--temperature", "10"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Give a folder with a model (its layers square, so that one can be transposed), its export and its rows."""
    made = tmp_path_factory.mktemp("mutants")
    rows = prepare("digits-mlp", Choices(rows=800)).rows
    arguments = {"hidden": (64, 64)}
    module = seeded(TARGETS["digits-mlp"].make, **arguments)
    settings = replace(TARGETS["digits-mlp"].settings, epochs=10)
    fit(module, Task(rows, np.arange(400)[None], [0], settings), torch.device("cpu"))
    save_checkpoint(made / "digits.pt", "digits-mlp", arguments, module)
    np.savez(made / "rows.npz", x=rows.inputs["input"])
    ir.save(open_source(made / "digits.pt").to_onnx(18), made / "plain.onnx")
    export(made / "digits.pt", made / "defended.onnx", DynaNoise(Parameters()))
    keyed = ExportOptions(noise=NoiseSource.KEYED)
    export(made / "digits.pt", made / "keyed.onnx", DynaNoise(Parameters(), keep_label=True), keyed)
    return made


def failed(program, folder, path, *options):
    """Validate a file, and give the exit status and the names of the checks that failed."""
    report = folder / "report.json"
    ended = program(
        "validate", path, "--reference", folder / "digits.pt", "--data", folder / "rows.npz", "--json", report, *options
    )
    assert ended.status in (0, 3), ended.err
    checks = json.loads(report.read_text())["checks"]
    return ended.status, [check["name"] for check in checks if not check["passed"] and not check["warning"]]


def test_what_export_makes_is_right(program, folder):
    assert failed(program, folder, folder / "defended.onnx") == (0, [])


def test_a_right_head_in_plain_operators_by_another_tool_is_right(program, folder, tmp_path):
    onnx.save(with_head(onnx.load(folder / "plain.onnx")), tmp_path / "theirs.onnx")
    assert failed(program, folder, tmp_path / "theirs.onnx", *PAPER) == (0, [])


@pytest.mark.parametrize("mutant", [*IN_THE_HEAD, *ELSEWHERE], ids=lambda mutant: mutant.name)
def test_a_wrong_graph_is_caught_by_the_right_check(program, folder, tmp_path, mutant):
    onnx.save(mutant.make(onnx.load(folder / "plain.onnx")), tmp_path / "wrong.onnx")
    status, names = failed(program, folder, tmp_path / "wrong.onnx", *PAPER)
    assert status == 3
    assert mutant.check in names


def test_what_export_makes_with_keyed_noise_and_kept_labels_is_right(program, folder):
    assert failed(program, folder, folder / "keyed.onnx") == (0, [])


@pytest.mark.parametrize(
    ("made", "name"), [*(("defended", name) for name in OF_AN_EXPORT), *(("keyed", name) for name in OF_A_KEYED_EXPORT)]
)
def test_a_wrong_export_is_caught_by_the_right_check(program, folder, tmp_path, made, name):
    spoil, check = {**OF_AN_EXPORT, **OF_A_KEYED_EXPORT}[name]
    model = onnx.load(folder / f"{made}.onnx")
    spoil(model)
    onnx.save(model, tmp_path / "wrong.onnx")
    key = ("--key-file", folder / "keyed.onnx.key") if made == "keyed" else ()
    status, names = failed(program, folder, tmp_path / "wrong.onnx", *key)
    assert status == 3
    assert check in names


def test_the_docs_list_every_mutant_and_its_check():
    documented = (Path(__file__).parents[3] / "docs" / "validate.md").read_text(encoding="utf-8")
    made = [(mutant.name, mutant.check) for mutant in (*IN_THE_HEAD, *ELSEWHERE)]
    made += [(name, check) for name, (_, check) in {**OF_AN_EXPORT, **OF_A_KEYED_EXPORT}.items()]
    assert len(made) >= 40
    assert [f"| {name} | {check} |" for name, check in made] == documented.split("|---|---|\n")[-1].strip().splitlines()
