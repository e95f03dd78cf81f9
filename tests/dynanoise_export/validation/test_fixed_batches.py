"""Files whose batch is fixed because that of their reference is."""

import json

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from dynanoise_export.exporting import export
from dynanoise_export.validation.check import CheckCode, Outcome
from dynanoise_export.validation.validating import validate
from support.graphs import normals
from support.random_draws import draw_of

ROWS = 70


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Give a folder with a linear classifier whose batch is dynamic, fixed at 1 and fixed at 4, and with rows."""
    folder = tmp_path_factory.mktemp("fixed")
    for batch in ("N", 1, 4):
        text = f"""<ir_version: 8, opset_import: ["" : 17]> g (float[{batch},12] x) => (float[{batch},6] z)
            <float[12,6] w = {{{",".join("0" * 72)}}}> {{ z = MatMul(x, w) }}"""
        model = ir.from_proto(onnx.parser.parse_model(text))
        model.graph.initializers["w"].const_value = ir.tensor(normals(12, 6, seed=1), name="w")
        ir.save(model, folder / f"{batch}.onnx")
    np.savez(folder / "rows.npz", x=normals(ROWS, 12), y=np.arange(ROWS) % 6, member=np.arange(ROWS) % 2 == 0)
    return folder


def judged(folder, batch, noise, data=None, reference=None):
    path = folder / f"{batch}-{noise}.onnx"
    if not path.exists():
        export(folder / f"{batch}.onnx", path, noise=noise)
    return validate(path, folder / f"{reference or batch}.onnx", data=data)


@pytest.mark.parametrize("noise", ["random", "input", "keyed"])
@pytest.mark.parametrize("batch", [1, 4])
def test_no_check_fails_because_the_reference_fixes_the_batch(files, batch, noise):
    validation = judged(files, batch, noise, files / "rows.npz")
    assert validation.rows == ROWS
    few = (Outcome.WARNING, Outcome.NOT_RUN)  # rows for a sharp audit
    assert [c for c in validation.checks if not c.passed and c.outcome not in few] == []
    (form,) = [check for check in validation.checks if check.code is CheckCode.BATCH_AXIS]
    assert form.passed
    assert str(batch) in form.detail


@pytest.mark.parametrize(("batch", "noise"), [(1, "random"), (4, "keyed")])
def test_made_up_rows_are_as_many_as_for_a_dynamic_batch(files, batch, noise):
    validation = judged(files, batch, noise)
    assert validation.passed
    assert validation.rows == 512


@pytest.mark.parametrize(("batch", "reference"), [(1, "N"), (4, "N"), (4, 1)])
def test_a_batch_that_the_reference_does_not_fix_fails(files, batch, reference):
    validation = judged(files, batch, "input", reference=reference)
    assert [check.code for check in validation.checks if not check.passed] == [CheckCode.BATCH_AXIS]


def test_a_dynamic_batch_of_a_fixed_reference_passes(files):
    assert judged(files, "N", "input", reference=4).passed


def test_noise_that_repeats_in_every_call_of_one_row_is_found(files):
    """With a fixed batch of 1, each row is a call of its own, and a seed gives all rows the same noise."""
    judged(files, 1, "random")
    model = onnx.load(files / "1-random.onnx")
    draw_of(model).attribute.append(onnx.helper.make_attribute("seed", 1.0))
    onnx.save(model, files / "seeded.onnx")
    failed = {check.code for check in validate(files / "seeded.onnx", files / "1.onnx").checks if not check.passed}
    assert {CheckCode.NO_SEED, CheckCode.NOISE_FRESH_BETWEEN_SESSIONS} <= failed


@pytest.mark.parametrize("batch", [1, 4])
def test_the_commands_take_a_fixed_batch(program, files, batch):
    judged(files, batch, "random")
    file, reference = files / f"{batch}-random.onnx", files / f"{batch}.onnx"
    ended = program("bench", file, "--against", reference, "--pairs", 10, "--json", "-")
    assert ended.status == 0
    assert [run["batch"] for run in json.loads(ended.out)["runs"]] == [batch]
    rows = ["--data", files / "rows.npz", "--queries", 1]
    ended = program("attack", file, *rows, "--reference", reference, "--force", "--json", "-")
    assert ended.status == 0
    assert json.loads(ended.out)["attacks"]
