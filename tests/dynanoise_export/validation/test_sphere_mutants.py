"""Files whose model answers copies pass, with each noise source; files that state copies and lack them fail."""

import dataclasses

import numpy as np
import onnx_ir as ir
import pytest

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.keep_label import KeptLabel
from dynanoise_export.defences.label_only import LabelOnly
from dynanoise_export.errors import UnsupportedModelError
from dynanoise_export.exporting import export
from dynanoise_export.graph.guard_form import compare_guard
from dynanoise_export.graph.provenance import read_provenance, write_provenance
from dynanoise_export.graph.undefended import undefended
from dynanoise_export.guarding import fit_guard
from dynanoise_export.inspecting import Form, inspect
from dynanoise_export.reports.guard_wording import guard_document
from dynanoise_export.runtimes.graph_session import open_graph
from dynanoise_export.sources.open_source import open_source
from dynanoise_export.sources.reference_model import Reference
from dynanoise_export.validation.check import CheckCode, Outcome
from dynanoise_export.validation.validating import validate
from support.guard_mutants import NO_COPIES, OF_A_GUARD, OTHER_COPIES
from support.judged import failed_checks


@pytest.fixture(scope="module")
def sphere(folder):
    rows = np.load(folder / "rows.npz")["x"]
    np.savez(folder / "bundle.npz", x=rows, y=np.zeros(len(rows), int))
    return fit_guard(folder / "digits.pt", "sphere", data=folder / "bundle.npz", parameters={"copies": 4})


@pytest.mark.parametrize(
    ("model", "defence", "noise", "inline"),
    [
        ("digits.pt", DynaNoise(), "random", False), ("digits.pt", KeptLabel(DynaNoise()), "keyed", True),
        ("votes.onnx", DynaNoise(), "input", False), ("plain.onnx", LabelOnly(), None, False),
    ],
)  # fmt: skip
def test_a_file_with_copies_passes(folder, sphere, tmp_path, model, defence, noise, inline):
    guard = sphere.renamed({"input": open_source(folder / model).inputs[0].name})
    export(folder / model, tmp_path / "made.onnx", defence=defence, noise=noise, guard=guard, inline=inline)
    judged = validate(tmp_path / "made.onnx", folder / model, data=folder / "rows.npz")
    outcomes = {check.code: check.outcome for check in judged.checks}
    assert [check for check in judged.checks if check.outcome is Outcome.FAILED] == []
    assert outcomes[CheckCode.NOTHING_BUT_THE_GUARD] is Outcome.PASSED
    assert outcomes[CheckCode.NOTHING_BUT_THE_DEFENCE] is Outcome.PASSED
    assert outcomes[CheckCode.GUARD_HOLDS] is Outcome.PASSED
    assert outcomes[CheckCode.GUARD_LEAVES_ROWS] is Outcome.NOT_APPLICABLE


def test_binary_copies_pass_and_are_told(folder, tmp_path):
    guard = fit_guard(folder / "plain.onnx", "binary-sphere", parameters={"flips": 0.1})
    export(folder / "plain.onnx", tmp_path / "made.onnx", defence=LabelOnly(), guard=guard)
    judged = validate(tmp_path / "made.onnx", folder / "plain.onnx")
    assert [check for check in judged.checks if check.outcome is Outcome.FAILED] == []
    seen = inspect(tmp_path / "made.onnx")
    assert (seen.form, seen.notable, seen.provenance.guard) == (Form.AS_STATED, (), guard)
    assert all(set(tensors) == {"flips"} for tensors in guard_document(guard)["bounds"].values())


@pytest.mark.parametrize("noise", ["keyed", "input"])
def test_a_file_that_states_copies_and_makes_none_fails(folder, sphere, tmp_path, noise):
    export(folder / "digits.pt", tmp_path / "made.onnx", guard=sphere, noise=noise)
    ir.save(compare_guard(ir.load(tmp_path / "made.onnx"), sphere).without, tmp_path / "mutant.onnx")
    if noise == "keyed":
        (tmp_path / "made.onnx.key").rename(tmp_path / "mutant.onnx.key")
    failed = failed_checks(tmp_path / "mutant.onnx", folder)
    assert {CheckCode.NOTHING_BUT_THE_GUARD, OF_A_GUARD[NO_COPIES]} <= set(failed)
    assert inspect(tmp_path / "mutant.onnx").form is Form.DIFFERENT


def test_a_file_with_other_offsets_than_the_stated_ones_fails(folder, sphere, tmp_path):
    export(folder / "digits.pt", tmp_path / "made.onnx", guard=sphere, defence=LabelOnly())
    model = ir.load(tmp_path / "made.onnx")
    other = sphere.redrawn(np.random.default_rng(0))
    write_provenance(model, dataclasses.replace(read_provenance(model), guard=other))
    ir.save(model, tmp_path / "mutant.onnx")
    assert OF_A_GUARD[OTHER_COPIES] in failed_checks(tmp_path / "mutant.onnx", folder)


def test_the_undefended_model_makes_no_copies(folder, sphere, tmp_path):
    export(folder / "digits.pt", tmp_path / "made.onnx", guard=sphere, defence=KeptLabel(DynaNoise()))
    rows = {"input": np.load(folder / "rows.npz")["x"][:20]}
    with open_graph(undefended(ir.load(tmp_path / "made.onnx"))) as plain:
        answers = plain.run(rows)["probabilities"]
    with Reference(open_source(folder / "digits.pt")) as reference:
        logits = reference.logits(rows)
        merged = reference.logits(rows, sphere)
    np.testing.assert_allclose(np.log(answers), logits - np.logaddexp.reduce(logits, axis=1)[:, None], atol=1e-3)
    assert np.abs(merged - np.log(answers)).max() > 0.1


def test_a_fixed_batch_is_refused_and_nothing_is_written(folder, sphere, tmp_path):
    model = ir.load(folder / "plain.onnx")
    model.graph.inputs[0].shape = ir.Shape([2, *model.graph.inputs[0].shape[1:]])
    ir.save(model, tmp_path / "fixed.onnx")
    guard = sphere.renamed({"input": model.graph.inputs[0].name})
    with pytest.raises(UnsupportedModelError):
        export(tmp_path / "fixed.onnx", tmp_path / "made.onnx", guard=guard)
    assert not (tmp_path / "made.onnx").exists()
