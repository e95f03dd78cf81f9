"""The rows that `validate` makes up, and what it says if a model does not run on its rows."""

import numpy as np
import pytest

from dynanoise_export.attacks.scenario import open_scenario
from dynanoise_export.deployed.open_deployed import open_deployed
from dynanoise_export.errors import ModelInputError
from dynanoise_export.exporting import export
from dynanoise_export.sources.reference_model import Reference
from dynanoise_export.sources.source_model import SourceOptions
from dynanoise_export.validation.judged_rows import judged_rows
from dynanoise_export.validation.validating import validate
from support.dynamic_sizes import write_sound, write_two_columns

ROWS = np.random.default_rng(0).standard_normal((40, 2)).astype(np.float32)


@pytest.fixture
def narrow(tmp_path):
    """Give a model that runs on no made-up rows, its defended file, rows that it takes, and rows that it does not."""
    path = write_two_columns(tmp_path)
    member = np.arange(40) % 2 == 0
    np.savez(tmp_path / "rows.npz", x=ROWS, y=np.zeros(40, np.int64), member=member)
    np.savez(tmp_path / "wide.npz", x=np.tile(ROWS, 2), y=np.zeros(40, np.int64), member=member)
    options = SourceOptions(example=tmp_path / "rows.npz")
    return path, export(path, tmp_path / "defended.onnx", noise="input", source_options=options).path


def test_made_up_rows_have_the_sizes_that_the_reference_takes(tmp_path):
    path = write_sound(tmp_path)
    made = export(path, tmp_path / "defended.onnx", noise="input").path
    judged = judged_rows(open_deployed(made), path, None, None)
    assert judged.rows["x"].shape == (512, 1, 1600)
    assert "--data" in judged.described
    assert validate(made, path).passed


def test_large_made_up_rows_are_fewer(tmp_path, monkeypatch):
    path = write_sound(tmp_path)
    made = export(path, tmp_path / "defended.onnx", noise="input").path
    monkeypatch.setattr("dynanoise_export.validation.judged_rows.MOST_VALUES", 100 * 1600)
    assert judged_rows(open_deployed(made), path, None, None).rows["x"].shape == (100, 1, 1600)


def test_without_rows_that_the_reference_takes_the_data_is_asked_for(narrow):
    path, made = narrow
    with pytest.raises(ModelInputError) as refused:
        validate(made, path)
    assert str(path) in str(refused.value)
    assert "--data" in str(refused.value)
    assert "--example" not in str(refused.value)


def test_the_rows_of_the_data_serve_the_reference_too(narrow, tmp_path):
    path, made = narrow
    judged = judged_rows(open_deployed(made), path, tmp_path / "rows.npz", None)
    np.testing.assert_array_equal(judged.source.example["x"], ROWS[:8])
    with Reference(judged.source) as reference:
        expected = ROWS.astype(np.float64) @ [[1, 2, 3], [4, 5, 7]]
        np.testing.assert_allclose(judged.answered(reference), expected, atol=1e-5)
    scenario = open_scenario(open_deployed(made), tmp_path / "rows.npz", reference=path)
    np.testing.assert_array_equal(scenario.source.example["x"], ROWS[:8])


def test_rows_of_the_data_that_do_not_fit_are_named(narrow, tmp_path):
    path, made = narrow
    example = SourceOptions(example=tmp_path / "rows.npz")
    with pytest.raises(ModelInputError) as refused:
        validate(made, path, data=tmp_path / "wide.npz", source_options=example)
    assert str(tmp_path / "wide.npz") in str(refused.value)
    assert "x [40, 4] float32" in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
    with pytest.raises(ModelInputError, match=r"x \[8, 4\]"):
        validate(made, path, data=tmp_path / "wide.npz")
