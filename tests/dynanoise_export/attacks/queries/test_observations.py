import numpy as np
import pytest

from dynanoise_export.attacks.audit import Audit
from dynanoise_export.attacks.queries.client import Client
from dynanoise_export.attacks.queries.observations import DELTAS, NEIGHBOURS, observe
from dynanoise_export.attacks.queries.response_cache import Cache
from dynanoise_export.attacks.queries.variants import TRANSFORMS
from dynanoise_export.sources.inputs import TensorSpec

NEAR = NEIGHBOURS * (len(DELTAS) + 1)


class Counting:
    """A predictor that says the same to all, and counts the rows that it is asked."""

    inputs, outputs = ["x"], ["p"]

    def __init__(self, fails_after=None):
        self.rows, self.fails_after = 0, fails_after

    def run(self, inputs):
        if self.fails_after is not None and self.rows >= self.fails_after:
            raise KeyboardInterrupt
        count = len(inputs["x"])
        self.rows += count
        return {"p": np.tile(np.float32([0.7, 0.3]), (count, 1))}


def audit(tmp_path, x):
    y = np.zeros(len(x), np.int64)
    return Audit(tmp_path / "rows.npz", "rows", {"x": x}, y, y == 0, y == 0)


def asked(tmp_path, x, repeats, predictor, cache=None, told=None):
    spec = TensorSpec("x", x.dtype.name, ("n", *x.shape[1:]))
    client = Client(tmp_path / "m.onnx", predictor, "p", [spec], defended=True)
    progress = (lambda *step: None) if told is None else lambda *step: told.append(step)
    return observe(client, audit(tmp_path, x), repeats, DELTAS, cache or Cache(None, "m", "b"), progress)


@pytest.fixture
def table():
    """Give rows that are no images."""
    return np.zeros((300, 4), np.float32)


def test_it_sends_what_it_says_and_no_more(tmp_path, table):
    predictor, told = Counting(), []
    seen = asked(tmp_path, table, [16, 4], predictor, told=told)
    assert sorted(seen.repeated) == [1, 4, 16]
    assert [seen.repeated[count].count for count in (1, 4, 16)] == [1, 4, 16]
    assert seen.queries == 16 + NEAR
    assert predictor.rows == 300 * seen.queries
    assert told[-1][0] == told[-1][1] == predictor.rows


def test_images_are_transformed_too_and_whole_numbers_not_moved(tmp_path):
    images = asked(tmp_path, np.zeros((3, 3, 8, 8), np.float32), [1], Counting())
    assert images.queries == 1 + NEAR + TRANSFORMS
    words = asked(tmp_path, np.zeros((3, 8), np.int64), [1], Counting())
    assert words.queries == 1
    assert not words.moved
    assert words.shaken is words.transformed is None


def test_a_second_run_does_not_ask_again(tmp_path, table):
    first = asked(tmp_path, table, [4], Counting(), Cache(tmp_path / "kept", "m", "b"))
    predictor = Counting()
    second = asked(tmp_path, table, [4], predictor, Cache(tmp_path / "kept", "m", "b"))
    assert predictor.rows == 0
    np.testing.assert_array_equal(first.repeated[4].log_p, second.repeated[4].log_p)


def test_more_repeats_go_on_from_those_that_are_kept(tmp_path, table):
    asked(tmp_path, table, [4], Counting(), Cache(tmp_path / "kept", "m", "b"))
    predictor = Counting()
    seen = asked(tmp_path, table, [4, 10], predictor, Cache(tmp_path / "kept", "m", "b"))
    assert predictor.rows == 300 * 6
    assert seen.repeated[10].count == 10


@pytest.mark.parametrize(("model", "bundle"), [("other", "b"), ("m", "other")])
def test_answers_of_another_model_or_to_other_rows_are_not_taken(tmp_path, table, model, bundle):
    asked(tmp_path, table, [1], Counting(), Cache(tmp_path / "kept", "m", "b"))
    predictor = Counting()
    asked(tmp_path, table, [1], predictor, Cache(tmp_path / "kept", model, bundle))
    assert predictor.rows == 300 * (1 + NEAR)


def test_what_was_asked_before_an_interruption_is_kept(tmp_path, table):
    with pytest.raises(KeyboardInterrupt):
        asked(tmp_path, table, [4], Counting(fails_after=300 * 4), Cache(tmp_path / "kept", "m", "b"))
    predictor = Counting()
    asked(tmp_path, table, [4], predictor, Cache(tmp_path / "kept", "m", "b"))
    assert predictor.rows == 300 * NEAR


def test_a_damaged_file_is_asked_for_again(tmp_path, table):
    asked(tmp_path, table, [1], Counting(), Cache(tmp_path / "kept", "m", "b"))
    damaged = next((tmp_path / "kept").glob("*.shaken.npz"))
    damaged.write_bytes(damaged.read_bytes()[:100])
    predictor = Counting()
    asked(tmp_path, table, [1], predictor, Cache(tmp_path / "kept", "m", "b"))
    assert predictor.rows == 300 * NEIGHBOURS
