from dataclasses import replace

import numpy as np
import pytest

from dynanoise_export.errors import DataError, FileAccessError
from dynanoise_export.shadow_stores import load_shadow_store
from dynanoise_models.shadows.store import GrowingStore, StorePlan, write_part

MADE_BY = {"target": "digits-mlp", "settings": {"epochs": 1}, "started_from": None}
PLAN = StorePlan(MADE_BY, "ab" * 32, rows=20, seed=0, classes=3)
OWN = StorePlan({"recipe": "own:train", "recipe_sha256": "12" * 32}, "ab" * 32, rows=20, seed=0)
GENERATOR = np.random.default_rng(0)


def answers(count):
    return GENERATOR.standard_normal((count, 20, 3)).astype(np.float32)


def records(count):
    return [{"seed": model, "accuracy_kept": 1.0} for model in range(count)]


def test_the_answers_of_workers_are_merged_in_their_place(tmp_path):
    store = GrowingStore(tmp_path / "store", PLAN, 4)
    assert store.missing() == [0, 1, 2, 3]
    late, early = answers(2), answers(1)
    write_part(store.path, [2, 3], late, records(2))
    store.merge()
    assert store.missing() == [0, 1]
    with pytest.raises(DataError, match="2 of 4"):
        load_shadow_store(store.path)

    write_part(store.path, [1], early, records(1))
    again = GrowingStore(store.path, PLAN, 4)  # as after an interruption
    assert again.missing() == [0]
    write_part(store.path, [0], answers(1), records(1))
    again.merge()
    again.tidy()
    whole = load_shadow_store(store.path)
    np.testing.assert_array_equal(whole.logits[2:], late)
    np.testing.assert_array_equal(whole.logits[1], early[0])
    assert isinstance(whole.logits, np.memmap)
    assert (whole.kept.sum(axis=0) == 2).all()
    assert list(whole.record["models"]) == ["0", "1", "2", "3"]
    assert sorted(path.name for path in store.path.iterdir()) == ["kept.npy", "logits.npy", "store.json"]


def test_a_store_grows_without_losing_its_models(tmp_path):
    store = GrowingStore(tmp_path / "store", PLAN, 2)
    first = answers(2)
    write_part(store.path, [0, 1], first, records(2))
    store.merge()
    in_training = store.in_training
    grown = GrowingStore(store.path, PLAN, 6)
    assert grown.missing() == [2, 3, 4, 5]
    stored = np.load(store.path / "logits.npy")
    np.testing.assert_array_equal(stored[:2], first)
    assert np.isnan(stored[2:]).all()
    np.testing.assert_array_equal(np.load(store.path / "kept.npy")[:2], in_training)
    with pytest.raises(DataError, match=r"6 models.* 4"):
        GrowingStore(store.path, PLAN, 4)


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"bundle_sha256": "cd" * 32}, {"settings": {"epochs": 2}}, {"target": "mlp-location30"}]
)
def test_a_store_with_another_plan_is_refused_and_left_alone(tmp_path, change):
    GrowingStore(tmp_path / "store", PLAN, 2)
    before = (tmp_path / "store" / "store.json").read_text()
    other = {"made_by": MADE_BY | change} if change.keys() & MADE_BY.keys() else change
    with pytest.raises(DataError, match=next(iter(change))):
        GrowingStore(tmp_path / "store", replace(PLAN, **other), 2)
    assert (tmp_path / "store" / "store.json").read_text() == before


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("logits.npy", b"\x93NUMPY"),
        ("kept.npy", b""),
        ("store.json", b"{"),
        ("store.json", b'{"schema": "another/1", "models": {}, "count": 0}'),
    ],
)
def test_a_damaged_store_is_refused(tmp_path, name, content):
    store = GrowingStore(tmp_path / "store", PLAN, 2)
    write_part(store.path, [0, 1], answers(2), records(2))
    store.merge()
    assert load_shadow_store(store.path).logits.shape == (2, 20, 3)
    (store.path / name).write_bytes(content)
    with pytest.raises(DataError, match="store"):
        load_shadow_store(store.path)


def test_the_first_answers_show_the_number_of_classes(tmp_path):
    store = GrowingStore(tmp_path / "store", OWN, 4)
    with pytest.raises(DataError, match="0 of 4"):
        load_shadow_store(store.path)
    grown = GrowingStore(store.path, OWN, 6)
    first = answers(1)
    write_part(grown.path, [4], first, records(1))
    again = GrowingStore(store.path, OWN, 6)
    assert again.record["classes"] == 3
    write_part(again.path, [0], answers(1)[:, :, :2], records(1))
    with pytest.raises(DataError, match="3 and 2 classes"):
        again.merge()
    assert again.missing() == [0, 1, 2, 3, 5]
    np.testing.assert_array_equal(np.load(store.path / "logits.npy")[4], first[0])


def test_corrected_code_of_the_user_begins_again_while_there_is_no_model(tmp_path):
    corrected = replace(OWN, made_by=OWN.made_by | {"recipe_sha256": "34" * 32})
    GrowingStore(tmp_path / "store", OWN, 2)
    store = GrowingStore(tmp_path / "store", corrected, 4)
    assert (store.record["recipe_sha256"], store.record["count"]) == ("34" * 32, 4)
    write_part(store.path, [0], answers(1), records(1))
    with pytest.raises(DataError, match="recipe_sha256"):
        GrowingStore(store.path, OWN, 4)


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY", np.zeros((2, 20, 4), np.float32), np.zeros((2, 20, 3))])
def test_damaged_answers_do_not_go_on(tmp_path, damage):
    path = GrowingStore(tmp_path / "store", PLAN, 2).path / "logits.npy"
    if isinstance(damage, bytes):
        path.write_bytes(damage)
    else:
        np.save(path, damage)
    with pytest.raises(DataError, match="store"):
        GrowingStore(tmp_path / "store", PLAN, 4)


def test_another_folder_is_not_a_store(tmp_path):
    with pytest.raises(DataError, match=tmp_path.name):
        load_shadow_store(tmp_path)


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(DataError, match=r"thesis\.txt"):
        GrowingStore(tmp_path, PLAN, 2)
    with pytest.raises(FileAccessError):
        GrowingStore(tmp_path / "thesis.txt", PLAN, 2)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
