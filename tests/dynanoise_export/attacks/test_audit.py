import numpy as np
import pytest

from dynanoise_export.attacks.audit import open_audit
from dynanoise_export.errors import DataError
from dynanoise_export.types import TensorSpec

SPECS = [TensorSpec("x", "float32", ("n", 3))]
X = np.arange(12.0, dtype=np.float64).reshape(4, 3)
GOOD = {"x": X, "y": [0, 1, 1, 0], "member": [True, True, False, False]}


def saved(tmp_path, **changed):
    arrays = {name: array for name, array in (GOOD | changed).items() if array is not None}
    np.savez(tmp_path / "rows.npz", **arrays)
    return tmp_path / "rows.npz"


def test_rows_get_the_types_of_the_models_inputs(tmp_path):
    audit = open_audit(saved(tmp_path), SPECS)
    assert audit.inputs["x"].dtype == np.float32
    assert (audit.members, audit.non_members, len(audit)) == (2, 2, 4)


def test_canaries_are_those_of_the_bundle(tmp_path):
    assert open_audit(saved(tmp_path, canary=[True, False, True, False]), SPECS).canary.tolist() == [1, 0, 1, 0]
    assert open_audit(saved(tmp_path), SPECS).canary is None


def test_auxiliary_rows_are_not_judged(tmp_path):
    split = ["member", "auxiliary", "non-member", "auxiliary"]
    audit = open_audit(saved(tmp_path, split=split, member=[True, False, False, False]), SPECS)
    assert audit.judged.tolist() == [True, False, True, False]
    assert (audit.members, audit.non_members, audit.member_share) == (1, 1, 0.5)


@pytest.mark.parametrize(
    "changed",
    [
        {"y": None},
        {"member": None},
        {"member": [True] * 4},
        {"member": [False] * 4},
        {"y": [0, -1, 1, 0]},
        {"x": np.where(X == 7, np.nan, X)},
        {"x": np.where(X == 7, np.inf, X)},
        {"x": X.astype(str)},
        {"x": X[[0, 1, 0, 3]]},
        {"x": X[:3]},
        {"x": X[:0], "y": [], "member": []},
    ],
    ids=[
        "no labels",
        "no membership",
        "no non-members",
        "no members",
        "a label below 0",
        "NaN",
        "infinity",
        "texts",
        "a member among the non-members",
        "fewer inputs than labels",
        "no rows",
    ],
)
def test_rows_that_can_not_be_audited_are_refused_by_name(tmp_path, changed):
    with pytest.raises(DataError, match=r"rows\.npz"):
        open_audit(saved(tmp_path, **changed), SPECS)


def test_an_auxiliary_row_may_equal_a_member(tmp_path):
    split = ["member", "member", "non-member", "auxiliary"]
    open_audit(saved(tmp_path, x=X[[0, 1, 2, 0]], split=split), SPECS)
