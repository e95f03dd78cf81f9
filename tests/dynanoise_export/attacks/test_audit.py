import numpy as np
import pytest

from dynanoise_export.attacks.audit import open_audit
from dynanoise_export.errors import UserError
from dynanoise_export.sources.inputs import TensorSpec

SPECS = [TensorSpec("x", "float32", ("n", 3))]
X = np.arange(12.0, dtype=np.float64).reshape(4, 3)
GOOD = {"x": X, "y": [0, 1, 1, 0], "member": [True, True, False, False]}


def saved(tmp_path, **changed):
    arrays = {name: array for name, array in (GOOD | changed).items() if array is not None}
    np.savez(tmp_path / "rows.npz", **arrays)
    return tmp_path / "rows.npz"


def test_it_takes_the_types_that_the_model_takes(tmp_path):
    audit = open_audit(saved(tmp_path), SPECS)
    assert audit.inputs["x"].dtype == np.float32
    assert (audit.members, audit.non_members, len(audit)) == (2, 2, 4)


def test_auxiliary_rows_are_not_judged(tmp_path):
    split = ["member", "auxiliary", "non-member", "auxiliary"]
    audit = open_audit(saved(tmp_path, split=split, member=[True, False, False, False]), SPECS)
    assert audit.judged.tolist() == [True, False, True, False]
    assert (audit.members, audit.non_members) == (1, 1)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"y": None}, "no array 'y'"),
        ({"member": None}, "no array 'member'"),
        ({"member": [True] * 4}, "no non-members"),
        ({"member": [False] * 4}, "no members"),
        ({"y": [0, -1, 1, 0]}, "a label below 0"),
        ({"x": np.where(X == 7, np.nan, X)}, "no numbers"),
        ({"x": np.where(X == 7, np.inf, X)}, "no numbers"),
        ({"x": X.astype(str)}, "no numbers"),
        ({"x": X[[0, 1, 0, 3]]}, "1 of its non-members are members as well"),
        ({"x": X[:3]}, "differ in their number of rows"),
        ({"x": X[:0], "y": [], "member": []}, "no rows"),
    ],
)
def test_what_is_no_audit_is_refused_in_one_sentence(tmp_path, changed, said):
    with pytest.raises(UserError, match=said) as refused:
        open_audit(saved(tmp_path, **changed), SPECS)
    assert "rows.npz" in str(refused.value)


def test_an_auxiliary_row_that_is_a_member_as_well_spoils_nothing(tmp_path):
    split = ["member", "member", "non-member", "auxiliary"]
    open_audit(saved(tmp_path, x=X[[0, 1, 2, 0]], split=split), SPECS)
