"""Files that a stranger gives to `dynanoise-models`: checkpoints, states of a training, stores and encoders."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from dynanoise_export.errors import DataError, FormatError, UntrustedCodeError, UserError
from dynanoise_export.shadow_stores import LOGITS
from dynanoise_export.sources.open_source import open_source
from dynanoise_models.checkpoint_source import FORMAT
from dynanoise_models.shadows.store import PARTS, GrowingStore, StorePlan, write_part
from dynanoise_models.targets import TARGETS
from dynanoise_models.text import open_encoder, tokenize
from dynanoise_models.training.resuming import State
from support.folders import distilbert

PLAN = StorePlan({"target": "digits-mlp", "settings": {}}, "abc", rows=6, seed=0, classes=3)


@pytest.mark.parametrize(
    "changed",
    [
        {"arguments": {"hidden": [10**7, 10**7]}},
        {"arguments": {"hidden": [-1]}},
        {"arguments": {"classes": 1e400}},
        {"arguments": {1: 2}},
        {"arguments": [1]},
        {"arguments": {"nothing": 1}},
        {"state_dict": {1: torch.ones(1)}},
        {"state_dict": [1]},
        {"state_dict": {}},
        {"target": ["digits-mlp"]},
    ],
    ids=str,
)
def test_a_checkpoint_of_another_form_is_refused(tmp_path, changed):
    content = {"format": FORMAT, "target": "digits-mlp", "arguments": {},
               "state_dict": TARGETS["digits-mlp"].make().state_dict()}  # fmt: skip
    torch.save(content | changed, tmp_path / "model.pt")
    with pytest.raises(FormatError, match=r"model\.pt"):
        open_source(tmp_path / "model.pt")


@pytest.mark.parametrize(
    "changed",
    [{"epochs": "1"}, {"epochs": -1}, {"module": 3}, {"orders": [{}]}, {"orders": 3}, {"generator": torch.ones(2)}, {}],
    ids=str,
)
def test_a_state_of_another_form_is_refused(tmp_path, changed):
    module, state = torch.nn.Linear(2, 2), State(tmp_path / "model.training", "mine")
    order = np.random.default_rng(0)
    state.save({"module": module}, [order], torch.device("cpu"), 1)
    assert state.load({"module": module}, [order], torch.device("cpu")) == 1
    content = torch.load(state.path, weights_only=True)
    torch.save((content | changed) if changed else [1], state.path)
    with pytest.raises(FormatError, match=r"model\.training"):
        state.load({"module": module}, [order], torch.device("cpu"))


@pytest.mark.parametrize(
    ("models", "records"),
    [([7], [{}]), ([-1], [{}]), ([0], [{}, {}]), ([0], [3]), ([0.5], [{}]), ([[0]], [{}]), ([0], {"a": 1})],
)
def test_answers_of_another_form_are_refused(tmp_path, models, records):
    GrowingStore(tmp_path / "store", PLAN, 2)
    np.savez(
        tmp_path / "store" / PARTS / "0000.npz",
        models=np.array(models), logits=np.zeros((1, 6, 3), np.float32), records=np.array(json.dumps(records)),
    )  # fmt: skip
    with pytest.raises(DataError, match=r"0000\.npz"):
        GrowingStore(tmp_path / "store", PLAN, 2)


def test_a_store_with_other_answers_is_refused(tmp_path):
    store = GrowingStore(tmp_path / "store", PLAN, 2)
    np.save(tmp_path / "store" / LOGITS, np.zeros((2, 6, 4), np.float32))
    with pytest.raises(DataError, match=LOGITS):
        GrowingStore(tmp_path / "store", PLAN, 4)
    write_part(tmp_path / "store", [0], np.zeros((1, 6, 3), np.float32), [{}])
    with pytest.raises(DataError):
        store.merge()
    with pytest.raises(DataError):
        GrowingStore(tmp_path / "store", replace(PLAN, seed=1), 2)


@pytest.fixture
def encoder(tmp_path):
    folder = tmp_path / "encoder"
    distilbert().save_pretrained(folder)
    return folder


def change(folder, name, **settings):
    path = folder / name
    own = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(own | settings))


def test_the_code_of_an_encoder_is_not_run(encoder, tmp_path, monkeypatch):
    code = f"open({str(tmp_path / 'ran')!r}, 'w')\n"
    (encoder / "own.py").write_text(code)
    classes = dict.fromkeys(("AutoConfig", "AutoModelForSequenceClassification", "AutoTokenizer"), "own.Own")
    change(encoder, "config.json", model_type="own", auto_map=classes)
    change(encoder, "tokenizer_config.json", auto_map=classes | {"AutoTokenizer": ["own.Own", "own.Own"]})
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    monkeypatch.setattr("signal.alarm", lambda *_: 0)
    for open_it in (lambda: open_encoder(str(encoder), "distilbert"), lambda: tokenize(str(encoder), np.array(["a"]))):
        with pytest.raises(UserError, match=str(encoder)):
            open_it()
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "settings", [{"dim": 10**7}, {"n_layers": 10**9}, {"dim": "x"}, {"num_labels": 10**8}], ids=str
)
def test_an_encoder_beyond_its_weights_is_refused(encoder, settings):
    change(encoder, "config.json", **settings)
    with pytest.raises(FormatError, match=str(encoder)):
        open_encoder(str(encoder), "distilbert")


def test_an_encoder_with_weights_elsewhere_is_refused(encoder, tmp_path):
    (encoder / "model.safetensors").rename(tmp_path / "other.safetensors")
    (encoder / "model.safetensors").symlink_to(tmp_path / "other.safetensors")
    with pytest.raises(UntrustedCodeError, match=str(encoder)):
        open_encoder(str(encoder), "distilbert")
