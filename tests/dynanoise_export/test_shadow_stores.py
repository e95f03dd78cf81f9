import json

import numpy as np
import onnx_ir as ir
import pytest
from onnxruntime import InferenceSession
from scipy.special import softmax

from dynanoise_export.bundles import bundle_sha256
from dynanoise_export.errors import DataError, UsageError, UserError
from dynanoise_export.shadow_stores import SCHEMA, ShadowStore
from support.graphs import parse

LOGITS = np.random.default_rng(0).standard_normal((4, 20, 3)).astype(np.float32)
KEPT = np.random.default_rng(1).integers(0, 2, (4, 20)).astype(bool)
WEIGHTS = np.array([[1, 2, 3], [4, 5, 6]], np.float32)


def write_linear(path, scale):
    """Write a linear classifier whose weights lie in another file."""
    text = ", ".join(str(scale * weight) for weight in WEIGHTS.ravel())
    model = parse(f"linear (float[n, 2] x) => (float[n, 3] z) <float[2, 3] w = {{{text}}}> {{ z = MatMul(x, w) }}")
    ir.save(model, path, external_data=f"{path.name}.weights", size_threshold_bytes=0)
    return path


def write(folder, logits=LOGITS, kept=KEPT, **record):
    folder.mkdir()
    np.save(folder / "logits.npy", logits)
    np.save(folder / "kept.npy", kept)
    whole = {"schema": SCHEMA, "count": 4, "models": {str(model): {} for model in range(4)}} | record
    (folder / "store.json").write_text(json.dumps(whole))
    return folder


def test_a_finished_store_is_mapped_into_memory(tmp_path):
    store = ShadowStore.load(str(write(tmp_path / "store")))
    np.testing.assert_array_equal(store.logits, LOGITS)
    np.testing.assert_array_equal(store.kept, KEPT)
    assert isinstance(store.logits, np.memmap)
    assert store.record["count"] == 4


@pytest.mark.parametrize(
    "changed",
    [
        {"models": {"0": {}}},
        {"models": {str(model): {"accuracy_others": 1.5} for model in range(4)}},
        {"models": {str(model): 3 for model in range(4)}},
        {"models": {"0": {}, "1": {}, "2": {}, "../3": {}}},
        {"count": "4"},
        {"target": ["digits-mlp"]},
        {"logits": LOGITS.astype(str)},
        {"kept": KEPT.astype(np.float32)},
        {"schema": "somebody's/shadows/1"},
        {"logits": LOGITS[:, :, 0]},
        {"kept": KEPT[:, :5]},
        {"logits": LOGITS[:2], "kept": KEPT[:2]},
        {"logits": LOGITS.astype(np.int64)},
        {"logits": np.where(LOGITS > 1, np.nan, LOGITS).astype(np.float32)},
        {"count": -1},
        {"count": 1e400},
        {"count": 10**30},
        {"models": ["0", "1", "2", "3"]},
        {"models": {str(model): 0.5 for model in range(4)}},
        {"models": {"../0": {}, "1": {}, "2": {}, "3": {}}},
        {"models": {str(model): {"accuracy_others": "high"} for model in range(4)}},
    ],
)
def test_another_store_is_refused_by_name(tmp_path, changed):
    with pytest.raises(DataError, match=str(tmp_path / "store")):
        ShadowStore.load(write(tmp_path / "store", **changed))


@pytest.mark.parametrize("damaged", ["logits.npy", "kept.npy", "store.json"])
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"[" * 100_000, b"\xff\xfe"], ids=range(5))
def test_a_damaged_store_is_refused_by_name(tmp_path, damaged, content):
    (write(tmp_path / "store") / damaged).write_bytes(content)
    with pytest.raises(DataError, match=str(tmp_path / "store")):
        ShadowStore.load(tmp_path / "store")


def test_a_missing_store_is_refused_by_name(tmp_path):
    with pytest.raises(DataError, match="nowhere"):
        ShadowStore.load(tmp_path / "nowhere")


def test_the_models_of_a_store_are_found_if_all_are_there(tmp_path):
    folder = write(tmp_path / "store")
    (folder / "models").mkdir()
    for model in range(3):
        (folder / "models" / f"00{model}.onnx").touch()
    assert ShadowStore.load(folder).models == ()
    (folder / "models" / "003.onnx").touch()
    assert ShadowStore.load(folder).models == tuple(folder / "models" / f"00{model}.onnx" for model in range(4))


@pytest.fixture
def bundle(tmp_path):
    """Give the path of a bundle of 20 rows."""
    np.savez(tmp_path / "rows.npz", x=np.zeros((20, 2), np.float32), y=np.arange(20) % 3)
    return tmp_path / "rows.npz"


def test_a_store_is_written_from_own_logits(tmp_path, bundle):
    made = ShadowStore.write(tmp_path / "store", bundle=bundle, logits=LOGITS.astype(np.float64), kept=KEPT.astype(int))
    np.testing.assert_array_equal(made.logits, LOGITS)
    np.testing.assert_array_equal(made.kept, KEPT)
    assert made.record["bundle_sha256"] == bundle_sha256(bundle)
    correct = LOGITS[2].argmax(axis=1) == np.arange(20) % 3
    assert made.record["models"]["2"]["accuracy_kept"] == pytest.approx(correct[KEPT[2]].mean())
    assert made.models == ()


def test_a_store_is_written_with_models_and_their_weights(tmp_path, bundle):
    files = [write_linear(tmp_path / f"linear-{scale}.onnx", scale) for scale in (1, 2, 3, 4)]
    made = ShadowStore.write(str(tmp_path / "store"), bundle=bundle, logits=LOGITS, kept=KEPT, models=files)
    x = np.eye(2, dtype=np.float32)
    for scale, path in enumerate(made.models, 1):
        np.testing.assert_allclose(InferenceSession(str(path)).run(None, {"x": x})[0], scale * WEIGHTS)
    ShadowStore.write(made.path, bundle=bundle, logits=LOGITS, kept=KEPT)  # a store may be replaced
    assert ShadowStore.load(made.path).models == ()


@pytest.mark.parametrize(
    "changed",
    [
        {"logits": LOGITS[:, :19]},
        {"logits": LOGITS[0]},
        {"logits": LOGITS.astype(int)},
        {"logits": np.where(LOGITS > 2, np.nan, LOGITS)},
        {"logits": softmax(LOGITS, axis=2)},
        {"kept": KEPT[:3]},
        {"kept": 2 * KEPT.astype(int)},
        {"models": ["one.onnx"]},
    ],
    ids=["rows", "axes", "integers", "NaN", "probabilities", "shape of kept", "values of kept", "number of models"],
)
def test_arrays_that_are_no_store_are_refused(tmp_path, bundle, changed):
    given = {"logits": LOGITS, "kept": KEPT} | changed
    with pytest.raises(DataError):
        ShadowStore.write(tmp_path / "store", bundle=bundle, **given)
    assert not (tmp_path / "store").exists()


def test_another_folder_is_not_replaced(tmp_path, bundle):
    with pytest.raises(UsageError, match=tmp_path.name):
        ShadowStore.write(tmp_path, bundle=bundle, logits=LOGITS, kept=KEPT)


def test_a_model_that_is_none_leaves_nothing_behind(tmp_path, bundle):
    with pytest.raises(UserError):
        ShadowStore.write(tmp_path / "store", bundle=bundle, logits=LOGITS, kept=KEPT, models=[bundle] * 4)
    assert not (tmp_path / "store").exists()
