import numpy as np
import pytest

from dynanoise_export.errors import DataError
from dynanoise_export.label_forms import groups_of, labels_of, membership_of, numbered

Y = np.array([0, 2, 1, 2])


@pytest.mark.parametrize(
    "labels",
    [
        Y,
        Y[:, None],
        Y.astype(np.uint8),
        Y.astype(np.float32),
        Y.astype(float)[:, None],
        Y.astype(str),
        Y.astype(float).astype(str),
        Y.astype("S"),
        np.eye(3)[Y],
        np.eye(3, dtype=bool)[Y],
        np.eye(5, dtype=np.int8)[Y],
    ],
)
def test_labels_of_every_form_are_numbers(labels):
    found = labels_of("rows.npz", labels)
    assert found.dtype == np.int64
    assert found.tolist() == Y.tolist()


@pytest.mark.parametrize(
    "labels",
    [
        np.full((4, 3), 1 / 3),  # no class for each row
        np.zeros((4, 3)),
        np.ones((4, 2)),
        np.zeros((4, 2, 2)),
        np.zeros(()),
        Y + 0.5,
        np.array([0, np.nan]),
        np.array([0, np.inf]),
        np.array([0, 1e300]),
        np.array(["cat", "dog"]),
        np.array([b"\xff\xfe", b"dog"]),
        np.array([1j, 2]),
        np.array(["2026-01-01"], dtype="datetime64[D]"),
    ],
)
def test_labels_that_say_nothing_for_sure_are_refused(labels):
    with pytest.raises(DataError, match=r"rows\.npz"):
        labels_of("rows.npz", labels)


def test_names_of_stated_classes_are_numbers_whatever_their_case():
    labels = np.array(["Dog", "cat", "dog"])
    assert labels_of("rows.npz", labels, ("cat", "dog")).tolist() == [1, 0, 1]
    with pytest.raises(DataError, match="Dog"):
        labels_of("rows.npz", labels, ("cat", "mouse"))
    # Where case tells classes apart, it counts.
    assert labels_of("rows.npz", np.array(["a", "A"]), ("A", "a")).tolist() == [1, 0]


def test_names_without_a_known_order_are_sorted():
    found = numbered("rows.csv", np.array(["no", "yes", "no", "maybe"]))
    assert (found.y.tolist(), found.classes) == ([1, 2, 1, 0], ("maybe", "no", "yes"))


def test_numbers_stay_numbers_unless_the_model_names_its_classes_by_them():
    labels = np.array(["3", "7", "3"])
    assert numbered("rows.csv", labels).y.tolist() == [3, 7, 3]
    assert numbered("rows.csv", labels, ("3", "7")).y.tolist() == [0, 1, 0]
    assert numbered("rows.npz", np.array([3.0, 7, 3]), ("3", "7")).y.tolist() == [0, 1, 0]
    assert numbered("rows.csv", np.array([0, 1]), ("cat", "dog")).classes == ("cat", "dog")
    assert numbered("images", np.array(["10", "9"]), names=True).classes == ("10", "9")


def test_a_name_that_the_model_does_not_know_is_named():
    with pytest.raises(DataError, match=r"mouse.*cat, dog"):
        numbered("rows.csv", np.array(["cat", "mouse"]), ("cat", "dog"))


TRAINED = np.array([True, False, True])


@pytest.mark.parametrize(
    "member",
    [
        TRAINED,
        TRAINED[:, None],
        TRAINED.astype(np.int8),
        TRAINED.astype(float),
        np.where(TRAINED, 1, -1),
        np.where(TRAINED, 1.0, -1.0),
        np.where(TRAINED, "yes", "no"),
        np.where(TRAINED, " TRUE", "False "),
        np.where(TRAINED, "1.0", "0.0"),
        np.where(TRAINED, "1", "-1"),
        np.where(TRAINED, b"train", b"test"),
        np.where(TRAINED, "member", "non-member"),
    ],
)
def test_membership_of_every_form_is_true_or_false(member):
    found = membership_of("rows.npz", member)
    assert found.dtype == np.bool_
    assert found.tolist() == TRAINED.tolist()


@pytest.mark.parametrize(
    "member",
    [
        np.array([0, 1, 2]),
        np.array([0, 1, -1]),
        np.array([0.5, 1]),
        np.array([np.nan, 1]),
        np.array(["yes", "perhaps"]),
        np.array(["yes", ""]),
        np.eye(3),
        np.array(1),
        np.array([1j]),
    ],
)
def test_membership_that_says_neither_is_refused(member):
    with pytest.raises(DataError, match=r"rows\.npz"):
        membership_of("rows.npz", member)


@pytest.mark.parametrize(
    "group",
    [np.array([7, 12]), np.array([[7], [12]]), np.array([7.0, 12]), np.array(["7", " 12"]), np.array([b"7", b"12"])],
)
def test_groups_of_every_form_are_texts(group):
    assert groups_of("rows.npz", group).tolist() == ["7", "12"]


@pytest.mark.parametrize("group", [np.eye(2), np.array(1), np.array([1j]), np.zeros(2, "V4")])
def test_groups_of_other_shapes_and_types_are_refused(group):
    with pytest.raises(DataError, match=r"rows\.npz"):
        groups_of("rows.npz", group)
