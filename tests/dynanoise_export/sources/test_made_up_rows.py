"""Rows that are made up until a model runs on them, and what is said if it never does."""

import numpy as np
import pytest
import torch

from dynanoise_export.errors import EndpointError, ModelInputError
from dynanoise_export.runtimes.failed_run import FailedRunError, failed_run
from dynanoise_export.sources.inputs import more_like
from dynanoise_export.sources.made_up_rows import MOST_VALUES, Recipe, first_that_runs, recipes
from dynanoise_export.sources.open_source import open_source
from dynanoise_export.sources.source_model import SourceOptions
from dynanoise_export.types import TensorSpec
from support.dynamic_sizes import KERNEL, sound_logits, write, write_sound, write_two_columns
from support.exports import assert_algorithm_1, defended, floats, refusal

SOUND = TensorSpec("x", "float32", ("N", 1, "T"))
TEXT = TensorSpec("ids", "int64", ("N", "L"))
IMAGE = TensorSpec("x", "float32", ("N", "C", "H", "W"))


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def test_a_sound_is_made_longer_until_the_model_takes_it(tmp_path, out):
    path = write_sound(tmp_path)
    assert open_source(path, SourceOptions()).example["x"].shape == (8, 1, 1600)
    assert_algorithm_1(defended(path, out), sound_logits, floats(x=(1, 400)))


def test_integers_are_zeros_if_the_model_does_not_take_ones(tmp_path):
    text = "g (int64[N,L] ids) => (float[N,3] y) <float[1,3] w = {1,2,3}> { e = Gather(w, ids)\n "
    path = write(tmp_path, text + "y = ReduceMean<axes=[1], keepdims=0>(e) }")
    example = open_source(path, SourceOptions()).example["ids"]
    assert example.shape == (8, 12)
    assert not example.any()


@pytest.mark.parametrize("side", [224, 32])
def test_an_image_gets_the_side_that_a_reshape_needs(tmp_path, side):
    text = f"g (float[N,1,H,W] x) => (float[N,2] y) <int64[2] flat = {{-1, {side * side}}}> "
    weights = np.random.default_rng(0).standard_normal((side * side, 2))
    path = write(tmp_path, text + "{ f = Reshape(x, flat)\n y = MatMul(f, w) }", w=weights)
    assert open_source(path, SourceOptions()).example["x"].shape == (8, 1, side, side)


def test_an_image_without_any_fixed_axis_gets_three_channels(tmp_path):
    generator = np.random.default_rng(0)
    path = write(
        tmp_path,
        "g (float[N,C,H,W] x) => (float[N,4] y) { c = Conv(x, kernel)\n p = GlobalAveragePool(c)\n y = Flatten(p) }",
        kernel=generator.standard_normal((4, 3, 5, 5)),
    )
    assert open_source(path, SourceOptions()).example["x"].shape == (8, 3, 64, 64)


def test_a_module_gets_longer_rows_too(tmp_path):
    class Sound(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.head = torch.nn.Conv1d(1, 8, KERNEL, stride=16), torch.nn.Linear(8, 5)

        def forward(self, x):
            return self.head(self.conv(x).relu().mean(-1))

    torch.jit.script(Sound().eval()).save(tmp_path / "model.pt")
    source = open_source(tmp_path / "model.pt", SourceOptions(inputs=(SOUND,)))
    assert source.example["x"].shape == (8, 1, 1600)


def test_rows_on_which_no_model_runs_are_refused_in_one_sentence_about_the_first(tmp_path, out, capfd):
    path = write_two_columns(tmp_path)
    sentence = refusal(path, out, ModelInputError)
    assert "x [8, 12] float32" in sentence
    assert "MatMul" in sentence
    assert "--example" in sentence
    assert "--input x:N,F:float32" in sentence
    assert "\x1b" not in sentence
    assert capfd.readouterr() == ("", "")  # ONNX Runtime logs from C++


def test_where_no_axis_is_dynamic_no_size_is_asked_for(tmp_path, out):
    path = write(tmp_path, "g (float[N,4] x) => (float[N,4] y) { y = Add(x, w) }", w=np.zeros((7, 4)))
    sentence = refusal(path, out, ModelInputError)
    assert "--example" in sentence
    assert "--input" not in sentence


@pytest.mark.parametrize("columns", [2, 3])
def test_rows_of_the_user_are_taken_or_named(tmp_path, out, columns):
    path = write_two_columns(tmp_path)
    np.savez(tmp_path / "rows.npz", x=np.random.default_rng(0).standard_normal((4, columns)))
    if columns == 2:
        assert open_source(path, SourceOptions(example=tmp_path / "rows.npz")).example["x"].shape == (4, 2)
        return
    sentence = refusal(path, out, EndpointError, example=tmp_path / "rows.npz")
    assert str(tmp_path / "rows.npz") in sentence
    assert "--example" not in sentence


def test_rows_of_a_caller_come_last(tmp_path):
    rows = {"x": np.random.default_rng(0).standard_normal((4, 2))}
    source = open_source(write_two_columns(tmp_path), SourceOptions(rows=rows))
    np.testing.assert_array_equal(source.example["x"], rows["x"].astype(np.float32))


def test_the_order_of_the_tries():
    assert recipes([SOUND]) == [Recipe({"T": length}) for length in (12, 64, 1600, 16_000)]
    assert recipes([TEXT]) == [Recipe({"L": length}, integer) for length in (12, 64, 128, 512) for integer in (1, 0)]
    sides = [{"C": c, "H": side, "W": side} for side in (64, 224, 299, 32, 28) for c in (side, 3, 1)]
    small = [sizes for sizes in sides if 8 * np.prod(list(sizes.values())) <= MOST_VALUES]
    assert [recipe.sizes for recipe in recipes([IMAGE])] == small
    assert recipes([TensorSpec("x", "float32", ("N", 4))]) == [Recipe({})]


def test_an_axis_as_long_as_the_batch_is_not_tried_in_other_sizes():
    assert recipes([TensorSpec("x", "float32", ("N", "N"))]) == [Recipe({})]


def test_the_first_error_counts():
    tried = []

    def runs(rows):
        tried.append(rows["x"].shape)
        raise failed_run("m", rows, f"reason {len(tried)}")

    with pytest.raises(FailedRunError, match="reason 1"):
        first_that_runs(recipes([SOUND]), [SOUND], runs, 2)
    assert tried == [(2, 1, 12), (2, 1, 64), (2, 1, 1600), (2, 1, 16_000)]


def test_rows_that_are_not_answered_one_by_one_are_the_second_choice():
    specs, answers = [SOUND], iter([failed_run("m", {}, "too short"), [(3, 5)], [(), (2, 5)]])

    def runs(rows):
        found = next(answers, [(7, 5)])
        if isinstance(found, Exception):
            raise found
        return found

    assert first_that_runs(recipes(specs), specs, runs, 2) == Recipe({"T": 1600})
    answers = iter([failed_run("m", {}, "too short"), [(3, 5)]])
    assert first_that_runs(recipes(specs), specs, runs, 2) == Recipe({"T": 64})


def test_more_rows_have_the_sizes_and_the_integers_of_an_example():
    example = {"x": np.zeros((2, 3, 4), np.float16), "ids": np.array([[1, 2], [3, 4]])}
    made = more_like(example, 5)
    assert made["x"].shape == (5, 3, 4)
    assert made["x"].dtype == np.float16
    assert len(np.unique(made["x"])) > 50
    assert made["ids"].tolist() == [[1, 2], [3, 4], [1, 2], [3, 4], [1, 2]]
