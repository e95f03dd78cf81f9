"""What `validate` judges a model by, and what it refuses."""

import numpy as np
import onnx
import pytest

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.errors import DefenceError, UsageError
from dynanoise_export.exporting import export
from dynanoise_export.validation.check import CheckCode
from dynanoise_export.validation.validating import validate
from support.judged import failed_checks


def test_an_undefended_file_needs_a_defence_to_be_judged_by(folder, paper):
    with pytest.raises(DefenceError, match=r"plain\.onnx"):
        validate(folder / "plain.onnx", folder / "digits.pt")
    failed = failed_checks(folder / "plain.onnx", folder, defence=paper)
    assert {CheckCode.NO_LEAK, CheckCode.LIVE_DRAWS, CheckCode.ANSWERS_ARE_PROBABILITIES} <= set(failed)


def test_another_defence_than_the_stated_one_keeps_the_stated_label(folder, paper):
    validation = validate(folder / "keyed.onnx", folder / "digits.pt", data=folder / "rows.npz", defence=paper)
    assert validation.passed
    assert validation.defence.keep_label
    assert validation.rows == len(np.load(folder / "rows.npz")["x"])


def test_other_parameters_than_the_stated_ones_fail(folder):
    failed = failed_checks(folder / "defended.onnx", folder, defence=DynaNoise(sigma0=0.9))
    assert {CheckCode.STATED_PARAMETERS, CheckCode.DEFENCE_PARITY, CheckCode.NOISE_VARIANCE} <= set(failed)


def test_a_warning_fails_only_if_strict(folder):
    assert validate(folder / "defended.onnx", folder / "digits.pt").passed
    assert not validate(folder / "defended.onnx", folder / "digits.pt", strict=True).passed


def test_an_unknown_provider_is_refused(folder):
    with pytest.raises(UsageError):
        validate(folder / "defended.onnx", folder / "digits.pt", provider="abacus")


def test_a_file_that_does_not_open_fails(folder, tmp_path, paper):
    model = onnx.load(folder / "plain.onnx")
    model.graph.node[0].op_type = "NoSuchOperator"
    onnx.save(model, tmp_path / "wrong.onnx")
    assert CheckCode.OPENS in failed_checks(tmp_path / "wrong.onnx", folder, defence=paper)


def test_a_model_with_fed_noise_and_a_second_dynamic_axis_runs_at_two_lengths(tmp_path):
    model = onnx.parser.parse_model(
        '<ir_version: 10, opset_import: ["" : 18]> g (float[n, length] x) => (float[n, 3] z) '
        "<float[1, 3] w = {0.5, -1.0, 2.0}, int64[1] axis = {1}> { total = ReduceSum (x, axis) z = MatMul (total, w) }"
    )
    onnx.save(model, tmp_path / "plain.onnx")
    export(tmp_path / "plain.onnx", tmp_path / "fed.onnx", noise="input")
    validation = validate(tmp_path / "fed.onnx", tmp_path / "plain.onnx")
    (check,) = [check for check in validation.checks if check.code is CheckCode.BATCH_AXIS]
    assert check.passed
    assert "[3, 12]" in check.detail
    assert "[3, 6]" in check.detail
    assert validation.passed
