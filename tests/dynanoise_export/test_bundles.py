import numpy as np
import pytest

from dynanoise_export.bundles import (
    Bundle,
    Part,
    bundle_sha256,
    digests,
    load_bundle,
    require_bundle_writable,
    save_bundle,
)
from dynanoise_export.errors import DataError, FileAccessError, UsageError

GENERATOR = np.random.default_rng(0)
SPLIT = np.array([Part.MEMBER] * 4 + [Part.NON_MEMBER] * 4 + [Part.AUXILIARY] * 2)
Y = np.arange(10) % 3


def several():
    return {name: GENERATOR.integers(0, 9, (10, 5)) for name in ("input_ids", "attention_mask")}


@pytest.mark.parametrize("name", ["rows.npz", "rows"])
@pytest.mark.parametrize("inputs", [{"image": GENERATOR.standard_normal((10, 3, 2, 2))}, several()])
def test_a_saved_bundle_is_loaded_again(tmp_path, name, inputs):
    save_bundle(tmp_path / name, inputs, Y, SPLIT)
    loaded = load_bundle(tmp_path / name, list(inputs))
    for given, value in inputs.items():
        np.testing.assert_array_equal(loaded.inputs[given], value)
        assert loaded.inputs[given].dtype == value.dtype
    np.testing.assert_array_equal(loaded.y, Y)
    np.testing.assert_array_equal(loaded.member, np.arange(10) < 4)
    assert loaded.split.tolist() == ["member"] * 4 + ["non-member"] * 4 + ["auxiliary"] * 2


def test_a_bundle_is_opened_by_its_path_and_has_the_length_of_its_rows(tmp_path):
    save_bundle(tmp_path / "one", {"image": np.zeros((10, 3)) + np.arange(10)[:, None]}, Y, SPLIT)
    assert list(Bundle.load(str(tmp_path / "one")).inputs) == ["x"]
    assert list(Bundle.load(tmp_path / "one", ["image"]).inputs) == ["image"]
    save_bundle(tmp_path / "two", several(), Y, SPLIT)
    assert len(Bundle.load(tmp_path / "two", ["input_ids", "attention_mask"])) == 10


def test_a_folder_is_mapped_into_memory_and_replaced_as_a_whole(tmp_path):
    save_bundle(tmp_path / "rows", several(), Y, SPLIT)
    save_bundle(tmp_path / "rows", {"x": np.arange(10.0)}, Y, SPLIT)
    assert sorted(path.name for path in (tmp_path / "rows").iterdir()) == ["member.npy", "split.npy", "x.npy", "y.npy"]
    assert isinstance(load_bundle(tmp_path / "rows", ["x"]).inputs["x"], np.memmap)
    assert [path.name for path in tmp_path.iterdir()] == ["rows"]


@pytest.mark.parametrize("name", ["rows.npz", "rows"])
def test_a_row_that_is_member_and_non_member_is_refused_and_nothing_is_written(tmp_path, name):
    x = GENERATOR.standard_normal((10, 3))
    x[9] = x[1]  # an auxiliary row is a non-member too
    with pytest.raises(DataError, match=name):
        save_bundle(tmp_path / name, {"x": x}, Y, SPLIT)
    assert not list(tmp_path.iterdir())


def test_rows_are_equal_only_if_they_are_equal_in_all_inputs():
    inputs = several()
    inputs["input_ids"][1] = inputs["input_ids"][0]
    assert len(set(digests(inputs))) == 10
    inputs["attention_mask"][1] = inputs["attention_mask"][0]
    assert len(set(digests(inputs))) == 9
    assert len(set(digests({"x": np.array(["warm", "cold", "warm"])}))) == 2


def test_equal_bundles_have_equal_digests(tmp_path):
    x = GENERATOR.standard_normal((10, 3))
    for name, rows in (("a", x), ("b", x), ("c", x + 1)):
        save_bundle(tmp_path / name, {"x": rows}, Y, SPLIT)
    assert bundle_sha256(tmp_path / "a") == bundle_sha256(tmp_path / "b") != bundle_sha256(tmp_path / "c")


def test_a_split_of_another_length_is_refused(tmp_path):
    np.savez(tmp_path / "rows.npz", x=np.zeros((10, 3)), split=SPLIT[:5])
    with pytest.raises(DataError, match=r"rows\.npz"):
        load_bundle(tmp_path / "rows.npz", ["x"])


@pytest.mark.parametrize("arrays", [{}, {"x": np.zeros((0, 3))}, {"y": np.zeros(3)}, {"x": np.float32(1)}])
def test_a_bundle_without_rows_or_inputs_is_refused(tmp_path, arrays):
    np.savez(tmp_path / "rows.npz", **arrays)
    with pytest.raises(DataError, match=r"rows\.npz"):
        load_bundle(tmp_path / "rows.npz", ["x"])


def test_a_missing_input_is_named_with_the_arrays_that_are_there(tmp_path):
    np.savez(tmp_path / "rows.npz", **{"inputs.ids": np.zeros((3, 2)), "y": np.zeros(3)})
    with pytest.raises(DataError, match=r"'mask'.*inputs\.ids, y"):
        load_bundle(tmp_path / "rows.npz", ["ids", "mask"])


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"not a bundle"])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "rows.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"rows\.npz"):
        load_bundle(tmp_path / "rows.npz", ["x"])
    with pytest.raises(FileAccessError, match=r"missing\.npz"):
        load_bundle(tmp_path / "missing.npz", ["x"])


def test_a_bundle_that_would_run_code_is_refused(tmp_path):
    np.savez(tmp_path / "rows.npz", x=np.array([{}, {}], dtype=object))
    with pytest.raises(DataError, match=r"rows\.npz"):
        load_bundle(tmp_path / "rows.npz", ["x"])


@pytest.mark.parametrize(
    "changed",
    [
        {"y": np.zeros((10, 2))},
        {"y": np.array(["cat"] * 10)},
        {"y": np.full(10, np.nan)},
        {"y": np.full(10, np.inf)},
        {"y": np.full(10, 0.5)},
        {"y": np.full(10, 2**63, np.uint64)},
        {"y": np.zeros(10, complex)},
        {"member": np.ones((10, 2), bool)},
        {"member": np.full(10, np.nan)},
        {"member": np.full(10, 2)},
        {"member": np.array(["perhaps"] * 10)},
        {"split": np.array([b"\xff"] * 10)},
        {"split": np.array(["members"] * 10)},
        {"split": np.zeros(10)},
        {"canary": np.arange(10)},
        {"canary": np.array(["yes"] * 10)},
        {"canary": np.ones((10, 2), bool)},
        {"canary": np.ones(9, bool)},
        {"split": np.array([["member"]] * 10)},
        {"x": np.zeros((10, 0))},
    ],
    ids=lambda changed: " ".join(f"{name} {array.dtype} {list(array.shape)}" for name, array in changed.items()),
)
@pytest.mark.parametrize("folder", [False, True])
def test_labels_and_membership_in_another_form_are_refused(tmp_path, changed, folder):
    arrays = {"x": np.zeros((10, 3)), "y": Y, "member": Y > 0, "split": SPLIT} | changed
    path = tmp_path / ("rows" if folder else "rows.npz")
    if folder:
        path.mkdir()
        for name, array in arrays.items():
            np.save(path / f"{name}.npy", array)
    else:
        np.savez(path, **arrays)
    with pytest.raises(DataError, match=r"rows"):
        load_bundle(path, ["x"])


def test_labels_and_membership_of_other_types_are_converted(tmp_path):
    arrays = {"y": Y.astype(np.float32), "member": (Y > 0).astype(np.float64), "split": SPLIT.astype("S")}
    np.savez(tmp_path / "rows.npz", x=np.zeros((10, 3)), **arrays)
    bundle = load_bundle(tmp_path / "rows.npz", ["x"])
    assert (bundle.y.dtype, bundle.y.tolist()) == (np.int64, Y.tolist())
    assert (bundle.member.dtype, bundle.member.tolist()) == (bool, (Y > 0).tolist())
    assert bundle.split.tolist() == SPLIT.tolist()


def test_whether_it_can_be_written_is_known_before_the_work(tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("years of work")
    for path, kind in (
        (tmp_path / "other", UsageError),
        (tmp_path / "other" / "thesis.txt", UsageError),
        (tmp_path / "nowhere" / "rows", FileAccessError),
        (tmp_path / "nowhere" / "rows.npz", FileAccessError),
    ):
        with pytest.raises(kind, match=str(path)):
            require_bundle_writable(path)
    for path in (tmp_path / "rows", tmp_path / "rows.npz"):
        require_bundle_writable(path)


def test_groups_and_class_names_are_saved_and_loaded(tmp_path):
    x, group = GENERATOR.standard_normal((10, 3)), np.array([f"patient {row % 4}" for row in range(10)])
    for name in ("rows.npz", "rows"):
        save_bundle(tmp_path / name, {"x": x}, Y, SPLIT, group=group, classes=("cat", "dog", "mouse"))
        loaded = load_bundle(tmp_path / name, ["x"])
        assert loaded.group.tolist() == group.tolist()
        assert loaded.classes == ("cat", "dog", "mouse")
    save_bundle(tmp_path / "rows", {"x": x}, Y, SPLIT)
    assert (load_bundle(tmp_path / "rows", ["x"]).group, load_bundle(tmp_path / "rows", ["x"]).classes) == (None, ())


def test_canaries_are_saved_and_loaded(tmp_path):
    x, canary = GENERATOR.standard_normal((10, 3)), np.arange(10) % 4 == 0
    for name in ("rows.npz", "rows"):
        save_bundle(tmp_path / name, {"x": x}, Y, SPLIT, canary=canary)
        loaded = Bundle.load(tmp_path / name)
        assert (loaded.canary.dtype, loaded.canary.tolist()) == (bool, canary.tolist())
        assert loaded.save(tmp_path / "again").canary.tolist() == canary.tolist()
        assert Bundle.load(tmp_path / "again").canary.tolist() == canary.tolist()
    save_bundle(tmp_path / "rows", {"x": x}, Y, SPLIT)
    assert Bundle.load(tmp_path / "rows").canary is None


def test_labels_and_membership_of_other_forms_are_understood(tmp_path):
    member = np.arange(10) < 4
    np.savez(
        tmp_path / "rows.npz", x=np.zeros((10, 3)), y=np.eye(3)[Y], member=np.where(member, "yes", "no"),
        group=np.arange(10),
    )  # fmt: skip
    loaded = load_bundle(tmp_path / "rows.npz", ["x"])
    assert loaded.y.tolist() == Y.tolist()
    assert loaded.member.tolist() == member.tolist()
    assert loaded.group.tolist() == list("0123456789")


@pytest.mark.parametrize(
    "arrays",
    [
        {"y": np.array(["cat"] * 10)},
        {"y": np.full((10, 3), 1 / 3)},
        {"member": np.array(["perhaps"] * 10)},
        {"group": np.zeros(3)},
        {"classes": np.array(["cat", "cat"])},
        {"classes": np.array([1, 2])},
        {"classes": np.array([["cat", "dog"]])},
    ],
)
def test_labels_membership_groups_and_classes_that_say_nothing_are_refused(tmp_path, arrays):
    np.savez(tmp_path / "rows.npz", x=np.zeros((10, 3)), **arrays)
    with pytest.raises(DataError, match=r"rows\.npz"):
        load_bundle(tmp_path / "rows.npz", ["x"])


def test_what_a_bundle_can_be_made_of_names_the_command(tmp_path):
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    (tmp_path / "images" / "cat").mkdir(parents=True)
    np.save(tmp_path / "x.npy", np.zeros(3))
    for name in ("rows.csv", "images", "x.npy"):
        with pytest.raises(DataError, match=f"{name}.*dynanoise-export bundle"):
            load_bundle(tmp_path / name, ["x"])
    with pytest.raises(FileAccessError, match=r"missing\.csv"):
        load_bundle(tmp_path / "missing.csv", ["x"])
