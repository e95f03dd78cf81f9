import numpy as np
import onnx_ir as ir
import pytest

from dynanoise_export import DataError
from dynanoise_export.playground.queries import MADE_UP, queries_of
from support.graphs import parse

# Logits are 2 x + 1.
MODEL = "g (float[n, 3] x) => (float[n, 3] z) <float two = {2}, float one = {1}> { d = Mul (x, two) z = Add (d, one) }"


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.onnx"
    ir.save(parse(MODEL), path)
    return path


def saved(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_the_made_up_queries_have_a_logit_for_each_class():
    assert {len(query.logits) for query in MADE_UP.queries} == {len(MADE_UP.classes)}


def test_members_and_non_members_take_turns(model, tmp_path):
    x = np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32)
    member = np.arange(30) < 27
    bundle = saved(tmp_path / "b.npz", x=x, y=np.arange(30) % 3, member=member, classes=np.array(["<b>", "b", "c"]))
    found = queries_of(model, bundle)
    assert found.classes == ("<b>", "b", "c")
    rows = [0, 27, 1, 28, 2, 29, *range(3, 10)]  # ten members at most, and all three others
    assert [query.name.split(",")[0] for query in found.queries] == [f"Row {row}" for row in rows]
    assert found.queries[1].name == "Row 27, a non-member, labelled <b>"
    np.testing.assert_allclose([query.logits for query in found.queries], 2 * x[rows] + 1, rtol=1e-6)


def test_a_bundle_need_not_say_who_is_a_member(model, tmp_path):
    found = queries_of(model, saved(tmp_path / "b.npz", x=np.ones((50, 3), np.float32)))
    assert [query.name for query in found.queries] == [f"Row {row}" for row in range(20)]
    assert found.classes == ("class 0", "class 1", "class 2")


def test_rows_that_the_page_cannot_show_are_refused(model, tmp_path):
    with pytest.raises(DataError):
        queries_of(model, saved(tmp_path / "b.npz", x=np.full((5, 3), np.inf, np.float32)))
