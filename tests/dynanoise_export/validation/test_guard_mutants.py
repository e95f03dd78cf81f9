"""Files behind a guard pass, with each noise source; files that state one and lack it, or have a wider one, fail."""

import dataclasses

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.guards.box_guard import Box
from dynanoise_export.defences.guards.guard_catalogue import make_guard
from dynanoise_export.defences.keep_label import KeptLabel
from dynanoise_export.defences.temperature import Temperature
from dynanoise_export.deployed.open_deployed import open_deployed
from dynanoise_export.exporting import export
from dynanoise_export.fixed_tensors import FixedTensor
from dynanoise_export.graph.guard_form import compare_guard
from dynanoise_export.graph.provenance import read_provenance, write_provenance
from dynanoise_export.guarding import fit_guard
from dynanoise_export.inspecting import Form, inspect
from dynanoise_export.validation.check import CheckCode, Outcome
from dynanoise_export.validation.guard_checks import moved_outside
from dynanoise_export.validation.validating import validate
from support.guard_mutants import MISSING, OF_A_GUARD, WIDER
from support.judged import failed_checks

OF_GUARD = {CheckCode.NOTHING_BUT_THE_GUARD, CheckCode.GUARD_HOLDS, CheckCode.GUARD_LEAVES_ROWS}


@pytest.fixture(scope="module")
def bundle(folder):
    rows = np.load(folder / "rows.npz")["x"]
    np.savez(folder / "bundle.npz", x=rows, y=np.zeros(len(rows), int))
    return folder / "bundle.npz"


@pytest.fixture(scope="module")
def box(folder, bundle):
    return fit_guard(folder / "digits.pt", "box", data=bundle)


@pytest.mark.parametrize(
    ("defence", "noise", "kind"),
    [
        (DynaNoise(), "random", "box"), (KeptLabel(DynaNoise()), "keyed", "image"), (DynaNoise(), "input", "box"),
        (Temperature(3.0), None, "image"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("data", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_file_behind_a_guard_passes(folder, bundle, tmp_path, defence, noise, kind, data):
    guard = fit_guard(folder / "digits.pt", kind, data=bundle)
    export(folder / "digits.pt", tmp_path / "made.onnx", defence=defence, noise=noise, guard=guard)
    assert open_deployed(tmp_path / "made.onnx").guard == guard
    judged = validate(tmp_path / "made.onnx", folder / "digits.pt", data=folder / "rows.npz" if data else None)
    assert {check.code: check.outcome for check in judged.checks if check.code in OF_GUARD} == dict.fromkeys(
        OF_GUARD, Outcome.PASSED
    )
    failed = [check for check in judged.checks if check.outcome is Outcome.FAILED]
    assert failed == []


def test_without_a_guard_its_checks_do_not_apply(folder):
    judged = validate(folder / "noise-free.onnx", folder / "digits.pt")
    assert {check.outcome for check in judged.checks if check.code in OF_GUARD} == {Outcome.NOT_APPLICABLE}


def test_inspect_tells_the_guard_and_has_nothing_to_look_at(folder, box, tmp_path):
    export(folder / "digits.pt", tmp_path / "made.onnx", guard=box)
    seen = inspect(tmp_path / "made.onnx")
    assert seen.form is Form.AS_STATED
    assert seen.provenance.guard == box
    assert seen.notable == ()


@pytest.mark.parametrize("noise", ["random", "input"])
def test_a_file_that_states_a_guard_and_lacks_it_fails(folder, box, tmp_path, noise):
    export(folder / "digits.pt", tmp_path / "made.onnx", guard=box, noise=noise)
    model = ir.load(tmp_path / "made.onnx")
    ir.save(compare_guard(model, box).without, tmp_path / "mutant.onnx")
    failed = failed_checks(tmp_path / "mutant.onnx", folder)
    assert {CheckCode.NOTHING_BUT_THE_GUARD, OF_A_GUARD[MISSING]} <= set(failed)
    assert inspect(tmp_path / "mutant.onnx").form is Form.DIFFERENT


def test_a_wider_guard_than_the_stated_one_fails(folder, box, tmp_path):
    ((name, ends),) = box.bounds.items()
    wider = Box({name: {"low": ends["low"], "high": FixedTensor.of(ends["high"].array + np.float32(0.5))}})
    export(folder / "digits.pt", tmp_path / "made.onnx", guard=wider, defence=Temperature(3.0))
    model = ir.load(tmp_path / "made.onnx")
    write_provenance(model, dataclasses.replace(read_provenance(model), guard=box))
    ir.save(model, tmp_path / "mutant.onnx")
    failed = failed_checks(tmp_path / "mutant.onnx", folder)
    assert {CheckCode.NOTHING_BUT_THE_GUARD, OF_A_GUARD[WIDER]} <= set(failed)


@pytest.mark.parametrize("lacking", [False, True])
def test_fresh_noise_shows_the_guard_where_the_graph_is_not_seen(folder, box, tmp_path, lacking):
    export(folder / "digits.pt", tmp_path / "made.onnx", guard=box)
    model = ir.load(tmp_path / "made.onnx")
    ir.save(compare_guard(model, box).without if lacking else model, tmp_path / "kept.onnx")
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.save_model_format", "ORT")
    options.optimized_model_filepath = str(tmp_path / "made.ort")
    onnxruntime.InferenceSession(tmp_path / "kept.onnx", options, providers=["CPUExecutionProvider"])
    judged = validate(tmp_path / "made.ort", folder / "digits.pt", data=folder / "rows.npz")
    found = {check.code: check.outcome for check in judged.checks if check.code in OF_GUARD}
    assert found.pop(CheckCode.GUARD_HOLDS) is (Outcome.FAILED if lacking else Outcome.PASSED)
    assert set(found.values()) == {Outcome.NOT_APPLICABLE}


def test_rows_move_outside_where_the_guard_brings_them_back(folder, box):
    rows = {"input": np.load(folder / "rows.npz")["x"]}
    moved = moved_outside(box, rows)
    np.testing.assert_array_equal(box.apply(moved)["input"], box.apply(rows)["input"])
    assert (moved["input"] != rows["input"]).any(axis=1).all()


def test_binary_data_pass_a_binary_guard(tmp_path, folder):
    rows = np.random.default_rng(0).integers(0, 2, (200, 64)).astype(np.float32)
    np.savez(tmp_path / "bits.npz", x=rows, y=np.zeros(200, int))
    guard = fit_guard(folder / "plain.onnx", "binary", data=tmp_path / "bits.npz")
    assert guard == make_guard("binary", open_deployed(folder / "plain.onnx").inputs)
    export(folder / "plain.onnx", tmp_path / "made.onnx", guard=guard, defence=Temperature(), inline=True)
    judged = validate(tmp_path / "made.onnx", folder / "plain.onnx", data=tmp_path / "bits.npz")
    assert [check for check in judged.checks if check.outcome is Outcome.FAILED] == []
