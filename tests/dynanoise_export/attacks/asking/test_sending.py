import numpy as np
import pytest

from dynanoise_export.attacks.asking.response_cache import ResponseCache
from dynanoise_export.attacks.asking.sending import send_repeats
from dynanoise_export.attacks.audit import Audit
from dynanoise_export.types import row_count


class Counting:
    """A client that gets the same answer to all queries, and counts them."""

    name, batch = "m.onnx", 256

    def __init__(self, fails_after=None):
        self.queries, self.fails_after = 0, fails_after

    def log_probabilities(self, rows):
        if self.fails_after is not None and self.queries >= self.fails_after:
            raise KeyboardInterrupt
        self.queries += row_count(rows)
        return np.log(np.tile(np.float32([0.7, 0.3]), (row_count(rows), 1)))


def audit(tmp_path, x):
    y = np.zeros(len(x), np.int64)
    return Audit(tmp_path / "rows.npz", "rows", {"x": x}, y, y == 0, y == 0)


def sent(tmp_path, x, repeats, client, cache=None, steps=None):
    return send_repeats(
        client,
        audit(tmp_path, x),
        repeats,
        cache or ResponseCache(None, "m", "b"),
        progress=(lambda step: None) if steps is None else steps.append,
    )


@pytest.fixture
def table():
    """Give rows that are not images."""
    return np.zeros((300, 4), np.float32)


def test_it_sends_what_it_reports_and_no_more(tmp_path, table):
    client, steps = Counting(), []
    responses = sent(tmp_path, table, [16, 4], client, steps=steps)
    assert sorted(responses.repeated) == [1, 4, 16]
    assert [responses.repeated[count].count for count in (1, 4, 16)] == [1, 4, 16]
    assert responses.queries_per_row == 16
    assert client.queries == 300 * responses.queries_per_row
    assert steps[-1].done == steps[-1].total == client.queries
    assert {step.unit for step in steps} == {"queries"}


def test_a_second_run_sends_nothing(tmp_path, table):
    first = sent(tmp_path, table, [4], Counting(), ResponseCache(tmp_path / "cache", "m", "b"))
    client = Counting()
    second = sent(tmp_path, table, [4], client, ResponseCache(tmp_path / "cache", "m", "b"))
    assert client.queries == 0
    np.testing.assert_array_equal(first.repeated[4].log_p, second.repeated[4].log_p)


def test_more_repeats_go_on_from_the_cached_ones(tmp_path, table):
    sent(tmp_path, table, [4], Counting(), ResponseCache(tmp_path / "cache", "m", "b"))
    client = Counting()
    responses = sent(tmp_path, table, [4, 10], client, ResponseCache(tmp_path / "cache", "m", "b"))
    assert client.queries == 300 * 6
    assert responses.repeated[10].count == 10


@pytest.mark.parametrize(("model", "bundle"), [("other", "b"), ("m", "other")])
def test_responses_of_another_model_or_to_other_rows_are_not_used(tmp_path, table, model, bundle):
    sent(tmp_path, table, [1], Counting(), ResponseCache(tmp_path / "cache", "m", "b"))
    client = Counting()
    sent(tmp_path, table, [1], client, ResponseCache(tmp_path / "cache", model, bundle))
    assert client.queries == 300


def test_a_model_without_a_digest_is_not_cached(tmp_path, table):
    for _ in range(2):
        client = Counting()
        sent(tmp_path, table, [1], client, ResponseCache(tmp_path / "cache", None, "b"))
        assert client.queries == 300
    assert not (tmp_path / "cache").exists()


def test_stages_before_an_interruption_are_cached(tmp_path, table):
    with pytest.raises(KeyboardInterrupt):
        sent(tmp_path, table, [4, 16], Counting(fails_after=300 * 4), ResponseCache(tmp_path / "cache", "m", "b"))
    client = Counting()
    sent(tmp_path, table, [4, 16], client, ResponseCache(tmp_path / "cache", "m", "b"))
    assert client.queries == 300 * 12


def test_a_damaged_file_is_queried_again(tmp_path, table):
    sent(tmp_path, table, [4], Counting(), ResponseCache(tmp_path / "cache", "m", "b"))
    damaged = next((tmp_path / "cache").glob("*.repeats-1-4.answers"))
    damaged.write_bytes(damaged.read_bytes()[:100])
    client = Counting()
    sent(tmp_path, table, [4], client, ResponseCache(tmp_path / "cache", "m", "b"))
    assert client.queries == 300 * 3
