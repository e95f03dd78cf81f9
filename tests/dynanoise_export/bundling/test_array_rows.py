import numpy as np
import pytest

from dynanoise_export.bundles import Bundle, Part, save_bundle
from dynanoise_export.bundling.making import make_bundle
from dynanoise_export.bundling.request import BundleRequest
from dynanoise_export.errors import DataError, FileAccessError, ModelInputError, UsageError
from dynanoise_export.layouts import Layout
from support.blobs import Blobs
from support.bundling import bundled

BLOBS = Blobs.drawn(3, 8, 6)
X, Y = BLOBS.rows(60)
MEMBER = np.arange(60) % 2 == 0


def save(folder, form, **changed):
    """Save arrays in one of the forms, and give the path and the names that the command needs for it."""
    arrays = {"x": X, "y": Y, "member": MEMBER} | changed
    if form == "npz":
        np.savez(folder / "rows.npz", **arrays)
        return folder / "rows.npz", {}
    (folder / "rows").mkdir()
    for name, array in arrays.items():
        np.save(folder / "rows" / f"{name}.npy", array)
    if form == "folder":
        return folder / "rows", {}
    return folder / "rows" / "x.npy", {key: str(folder / "rows" / f"{name}.npy")
                                       for key, name in (("label", "y"), ("member", "member"))}  # fmt: skip


@pytest.mark.parametrize("form", ["npz", "folder", "npy"])
def test_arrays_of_every_form_become_a_bundle(tmp_path, form):
    path, names = save(tmp_path, form)
    made = bundled(path, **names) if form != "npy" else made_elsewhere(tmp_path, path, names)
    np.testing.assert_array_equal(made.inputs["x"], X)
    assert (made.y.tolist(), made.member.tolist()) == (Y.tolist(), MEMBER.tolist())


def made_elsewhere(folder, path, names):
    make_bundle(BundleRequest({None: path}, **names), folder / "rows.npz")
    return Bundle.load(folder / "rows.npz")


def test_arrays_may_have_other_names(tmp_path):
    path, _ = save(tmp_path, "npz", target=np.eye(3)[Y], trained=np.where(MEMBER, 1, -1), who=Y + 100)
    made = bundled(path, label="target", member="trained", group="who")
    assert (made.y.tolist(), made.member.tolist()) == (Y.tolist(), MEMBER.tolist())
    assert made.group.tolist() == [str(y + 100) for y in Y]


def test_each_part_may_have_arrays_of_its_own(tmp_path):
    for name, part in (("train", slice(0, 40)), ("test", slice(40, 60))):
        np.savez(tmp_path / f"{name}.npz", x=X[part], y=Y[part])
    sources = {Part.MEMBER: tmp_path / "train.npz", Part.NON_MEMBER: tmp_path / "test.npz"}
    make_bundle(BundleRequest(sources), tmp_path / "rows.npz")
    assert Bundle.load(tmp_path / "rows.npz").member.sum() == 40


def test_a_bundle_can_be_checked_and_made_anew(tmp_path):
    split = np.repeat([Part.MEMBER, Part.NON_MEMBER, Part.AUXILIARY], 20)
    classes, group, canary = ("ant", "bee", "wasp"), np.arange(60).astype(str), np.arange(60) % 20 == 3
    save_bundle(tmp_path / "rows.npz", {"x": X}, Y, split, group=group, classes=classes, canary=canary)
    for model in (None, BLOBS.model(tmp_path / "model.onnx")):
        made = bundled(tmp_path / "rows.npz", model=model)
        assert made.split.tolist() == split.tolist()
        assert made.group.tolist() == group.tolist()
        assert made.canary.tolist() == canary.tolist()
        assert (made.y.tolist(), made.classes) == (Y.tolist(), classes)


def test_parts_that_state_different_classes_are_refused(tmp_path):
    for name, classes in (("train", ["ant", "bee", "wasp"]), ("test", ["bee", "ant", "wasp"])):
        np.savez(tmp_path / f"{name}.npz", x=X + len(name), y=Y, classes=classes)
    sources = {Part.MEMBER: tmp_path / "train.npz", Part.NON_MEMBER: tmp_path / "test.npz"}
    with pytest.raises(DataError, match="--classes"):
        make_bundle(BundleRequest(sources), tmp_path / "rows.npz")


def test_several_inputs_keep_their_names(tmp_path):
    np.savez(tmp_path / "rows.npz", **{"inputs.ids": Y[:, None] + np.arange(60)[:, None] * 3, "inputs.mask": X[:, 0]},
             y=Y, member=MEMBER)  # fmt: skip
    made = bundled(tmp_path / "rows.npz", inputs=("ids", "mask"))
    assert made.inputs["ids"].shape == (60, 1)


@pytest.mark.parametrize("dtype", [np.float64, np.float16])
def test_rows_get_the_type_that_the_model_takes(tmp_path, dtype):
    path, _ = save(tmp_path, "npz", x=X.astype(dtype))
    made = bundled(path, model=BLOBS.model(tmp_path / "model.onnx"))
    assert made.inputs["x"].dtype == np.float32
    np.testing.assert_array_equal(made.inputs["x"], X.astype(dtype).astype(np.float32))


def test_channels_at_the_other_end_are_refused_and_turned_if_the_user_says_so(tmp_path):
    path, _ = save(tmp_path, "npz", x=X.transpose(0, 2, 3, 1))
    model = BLOBS.model(tmp_path / "model.onnx")
    with pytest.raises(ModelInputError, match="--layout nchw"):
        bundled(path, model=model)
    np.testing.assert_array_equal(bundled(path, model=model, layout=Layout.NCHW).inputs["x"], X)
    np.testing.assert_array_equal(bundled(path, layout=Layout.NCHW).inputs["x"], X)
    path, _ = save(tmp_path, "folder", x=np.zeros((60, 7, 8, 9)) + np.arange(60)[:, None, None, None])
    with pytest.raises(UsageError, match="--layout"):
        bundled(path, layout=Layout.NCHW)


def test_axes_of_size_one_are_added_and_dropped(tmp_path):
    grey = Blobs.drawn(1, 4, 5)
    x, y = grey.rows(60)
    model = grey.model(tmp_path / "model.onnx")
    for shape in ((4, 5), (4, 5, 1), (1, 4, 5)):
        np.savez(tmp_path / "rows.npz", x=x.reshape(60, *shape), y=y, member=MEMBER)
        np.testing.assert_array_equal(bundled(tmp_path / "rows.npz", model=model).inputs["x"], x)
    np.savez(tmp_path / "rows.npz", x=x.reshape(60, 20), y=y, member=MEMBER)
    with pytest.raises(ModelInputError, match=r"\[60, 20\]"):
        bundled(tmp_path / "rows.npz", model=model)


def test_pixels_that_are_not_scaled_are_found_and_divided(tmp_path):
    blobs = Blobs(np.float32([0.2, 0.5, 0.8])[:, None] * np.ones((3, 5), np.float32))
    x, y = blobs.rows(60)
    pixels = np.round(255 * x).astype(np.uint8)
    np.savez(tmp_path / "rows.npz", x=pixels, y=y, member=MEMBER)
    model = blobs.model(tmp_path / "model.onnx")
    with pytest.raises(DataError, match="--divide 255"):
        bundled(tmp_path / "rows.npz", model=model)
    made = bundled(tmp_path / "rows.npz", model=model, divide=255)
    np.testing.assert_allclose(made.inputs["x"], pixels / 255, rtol=1e-6)


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"x": np.array(["text"] * 60)}, "'x'"),
        ({"x": X[:59]}, "rows"),
        ({"x": np.where(X > 0.5, np.nan, X)}, "'x'"),
        ({"x": X[:0], "y": Y[:0], "member": MEMBER[:0]}, "no rows"),
        ({"y": np.full((60, 3), 0.3)}, r"\[60, 3\]"),
        ({"y": Y - 1}, "-1"),
        ({"y": Y * 2}, "4"),
        ({"member": np.ones(60)}, "non-members"),
        ({"member": np.zeros(60)}, "members"),
        ({"member": Y}, "2"),
        ({"x": np.array([{}] * 60)}, "rows.npz"),
    ],
)
def test_arrays_that_are_no_bundle_are_refused(tmp_path, changed, name):
    path, _ = save(tmp_path, "npz", **changed)
    with pytest.raises(DataError, match=name):
        bundled(path, model=BLOBS.model(tmp_path / "model.onnx"))
    assert not (tmp_path / "made").exists()


def test_missing_arrays_are_named(tmp_path):
    path, _ = save(tmp_path, "npz")
    with pytest.raises(DataError, match=r"labels.*x, y"):
        bundled(path, label="labels")
    with pytest.raises(DataError, match="'who'"):
        bundled(path, group="who")
    np.savez(tmp_path / "rows.npz", y=Y, member=MEMBER)
    with pytest.raises(DataError, match="no array x"):
        bundled(path)
    np.savez(tmp_path / "rows.npz", x=X, y=Y)
    with pytest.raises(UsageError, match="--member"):
        bundled(path)
    path, names = save(tmp_path, "npy")
    with pytest.raises(UsageError, match=r"--label Y\.npy"):
        made_elsewhere(tmp_path, path, {})
    with pytest.raises(FileAccessError, match=r"missing\.npy"):
        made_elsewhere(tmp_path, path, names | {"member": "missing.npy"})


def test_integers_are_not_given_to_a_model_that_can_not_hold_them(tmp_path):
    blobs = Blobs.drawn(2)
    x, y = blobs.rows(60)
    np.savez(tmp_path / "rows.npz", x=np.full(x.shape, 1e300), y=y, member=MEMBER)
    with pytest.raises(ModelInputError, match="float32"):
        bundled(tmp_path / "rows.npz", model=blobs.model(tmp_path / "model.onnx"))
