import json

import numpy as np
import pytest

from dynanoise_export.errors import DataError
from dynanoise_export.shadow_stores import SCHEMA, ShadowStore

LOGITS = np.random.default_rng(0).standard_normal((4, 20, 3)).astype(np.float32)
KEPT = np.random.default_rng(1).integers(0, 2, (4, 20)).astype(bool)


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
        {"schema": "somebody's/shadows/1"},
        {"logits": LOGITS[:, :, 0]},
        {"kept": KEPT[:, :5]},
        {"logits": LOGITS[:2], "kept": KEPT[:2]},
        {"logits": LOGITS.astype(np.int64)},
        {"logits": np.where(LOGITS > 1, np.nan, LOGITS).astype(np.float32)},
        {"kept": KEPT.astype(np.float32)},
        {"count": "4"},
        {"count": -1},
        {"count": 1e400},
        {"count": 10**30},
        {"models": ["0", "1", "2", "3"]},
        {"models": {str(model): 0.5 for model in range(4)}},
        {"models": {"../0": {}, "1": {}, "2": {}, "3": {}}},
        {"models": {str(model): {"accuracy_others": "high"} for model in range(4)}},
        {"target": ["digits-mlp"]},
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
