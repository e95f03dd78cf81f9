import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from dynanoise_export.bundles import Bundle, Part
from dynanoise_export.errors import DataError, UsageError

X = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)
Y = np.arange(9) % 3


class Rows(Dataset):
    """A Dataset as people write it: a length, and items without an end that raises IndexError."""

    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, place):
        return self.rows[place % len(self.rows)]


class Stream(IterableDataset):
    def __iter__(self):
        return iter(zip(torch.tensor(X[6:], requires_grad=True), Y[6:], strict=True))


def pairs(part):
    return list(zip(X[part], Y[part], strict=True))


MEMBERS, OTHERS = slice(0, 3), slice(3, 6)


def test_data_sets_of_pytorch_become_a_bundle(tmp_path):
    members = TensorDataset(torch.tensor(X[MEMBERS]), torch.tensor(Y[MEMBERS]))
    made = Bundle.from_dataset(members=members, non_members=Rows(pairs(OTHERS)), auxiliary=Stream())
    saved = made.save(tmp_path / "rows.npz")
    loaded = Bundle.load(saved.path)
    for bundle in (made, loaded):
        np.testing.assert_array_equal(bundle.inputs["x"], X)
        assert bundle.inputs["x"].dtype == np.float32
        assert bundle.y.tolist() == Y.tolist()
        assert bundle.split.tolist() == [Part.MEMBER] * 3 + [Part.NON_MEMBER] * 3 + [Part.AUXILIARY] * 3
        assert bundle.member.tolist() == [True] * 3 + [False] * 6
        assert (bundle.group, bundle.classes) == (None, ())


def test_rows_may_have_several_inputs_and_names_for_labels_and_groups(tmp_path):
    rows = [{"ids": x.astype(int), "mask": [1, 1], "kind": "ab"[y % 2], "group": f"p{y}"}
            for x, y in zip(X * 100, Y, strict=True)]  # fmt: skip
    made = Bundle.from_dataset(members=rows[:5], non_members=rows[5:], label="kind").save(tmp_path / "rows")
    loaded = Bundle.load(made.path, ["ids", "mask"])
    assert loaded.inputs["mask"].shape == (9, 2)
    assert loaded.y.tolist() == (Y % 2).tolist()
    assert loaded.classes == ("a", "b")
    assert loaded.group.tolist() == [f"p{y}" for y in Y]


def test_inputs_and_groups_may_stand_in_tuples():
    rows = [({"ids": x, "mask": x}, y, int(y)) for x, y in pairs(slice(None))]
    made = Bundle.from_dataset(members=rows[:5], non_members=rows[5:], classes=("a", "b", "c"))
    assert set(made.inputs) == {"ids", "mask"}
    assert made.group.tolist() == [str(y) for y in Y]
    assert made.classes == ("a", "b", "c")


def changed(place, row):
    rows = pairs(OTHERS)
    rows[place] = row
    return rows


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [1, 2],
        [(1, 2, 3, 4)],
        ["ab"],
        [{"x": [1.0]}],
        changed(1, (X[0, :2], 1)),
        changed(1, {"x": X[0], "label": 1, "more": 1}),
        changed(1, (["a"] * 4, 1)),
        [(object(), 1)],
        [([[1], [1, 2]], 1)],
        [("a text", 1)],
        [(x, y, "group") for x, y in pairs(OTHERS)],  # members have none
        [(x[:2], y) for x, y in pairs(OTHERS)],
    ],
)
def test_rows_of_other_forms_are_refused(rows):
    with pytest.raises(DataError):
        Bundle.from_dataset(members=pairs(MEMBERS), non_members=rows)


def test_a_data_set_that_changes_its_rows_is_refused():
    class Augmented(Rows):
        def __getitem__(self, place):
            x, y = super().__getitem__(place)
            return x + torch.rand(1).item(), y

    with pytest.raises(DataError, match="random"):
        Bundle.from_dataset(members=Augmented(pairs(MEMBERS)), non_members=pairs(OTHERS))


def test_a_loader_of_batches_is_refused():
    with pytest.raises(UsageError, match="dataset"):
        Bundle.from_dataset(members=DataLoader(Rows(pairs(MEMBERS))), non_members=pairs(OTHERS))


def test_a_bundle_without_labels_is_not_saved(tmp_path):
    np.savez(tmp_path / "x.npz", x=X)
    with pytest.raises(DataError, match=r"x\.npz"):
        Bundle.load(tmp_path / "x.npz").save(tmp_path / "made.npz")
    assert not (tmp_path / "made.npz").exists()
