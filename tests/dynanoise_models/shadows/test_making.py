"""Shadow models of the digits target, trained by real workers in processes of their own."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dynanoise_export.bundles import Part, bundle_sha256, load_bundle, save_bundle
from dynanoise_export.errors import UserError
from dynanoise_export.shadow_stores import load_shadow_store
from dynanoise_models.experiments import Choices
from dynanoise_models.making import train_target
from dynanoise_models.shadows.backends import Backend
from dynanoise_models.shadows.job import model_seed
from dynanoise_models.shadows.making import make_shadows
from dynanoise_models.targets import TARGETS
from dynanoise_models.training.loop import Task, fit
from dynanoise_models.training.rows import Rows, predict
from support.program import started, until

CHOICES = Choices(rows=300, epochs=3)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Give a store of 32 models in two stacks, trained by two processes."""
    path = tmp_path_factory.mktemp("shadows") / "store"
    make_shadows("digits-mlp", path, 32, CHOICES, workers=2)
    return path


def test_each_model_is_what_it_would_be_alone(store):
    made = load_shadow_store(store)
    bundle = load_bundle(store / "bundle", ["input"])
    assert made.logits.shape == (32, 300, 10)
    assert np.isfinite(made.logits).all()
    rows = Rows(bundle.inputs, bundle.y)
    for model in (0, 19):
        seed = model_seed(0, model)
        torch.manual_seed(seed)
        alone = TARGETS["digits-mlp"].make()
        kept = np.flatnonzero(made.kept[model])[None]
        fit(alone, Task(rows, kept, [seed], CHOICES.settings(TARGETS["digits-mlp"].settings)), torch.device("cpu"))
        np.testing.assert_allclose(made.logits[model], predict(alone, rows, torch.device("cpu")), atol=1e-3)


def test_the_record_tells_the_accuracy_of_each(store):
    made, y = load_shadow_store(store), load_bundle(store / "bundle", ["input"]).y
    right = made.logits.argmax(axis=2) == y
    for model, told in made.record["models"].items():
        kept = made.kept[int(model)]
        assert told["accuracy_kept"] == pytest.approx(right[int(model)][kept].mean())
        assert told["accuracy_others"] == pytest.approx(right[int(model)][~kept].mean())


@pytest.mark.parametrize("backend", [Backend.RAY, Backend.DASK])
def test_a_cluster_makes_the_same_store_bit_for_bit(store, tmp_path, backend):
    pytest.importorskip({"ray": "ray", "dask": "distributed"}[backend])
    other = tmp_path / "store"
    make_shadows("digits-mlp", other, 32, CHOICES, store / "bundle", backend, workers=2)
    for name in ("logits.npy", "kept.npy"):
        assert (other / name).read_bytes() == (store / name).read_bytes()


def command(path, *options):
    return "shadows", "digits-mlp", "-o", path, "--rows", 300, "--workers", 2, "--epochs", 40, *options


def workers_of(process):
    """Find the processes that train: the descendants that have loaded PyTorch and are joblib's."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
            command = (status.parent / "cmdline").read_text()
        except OSError:  # it has ended since
            continue
        if int(lines["PPid"]) == process.pid and "popen_loky" in command:
            found.append(int(status.parent.name))
    return found


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_a_killed_run_goes_on_and_trains_nothing_twice(tmp_path):
    path, told = tmp_path / "store", tmp_path / "made.json"
    with started("dynanoise-models", *command(path, "--count", 64)) as killed:
        until(lambda: (path / "store.json").exists() and json.loads((path / "store.json").read_text())["models"])
        orphans = workers_of(killed)
        killed.kill()
    for worker in orphans:
        os.kill(worker, signal.SIGKILL)
    done = json.loads((path / "store.json").read_text())["models"]
    assert 0 < len(done) < 64
    before = np.load(path / "logits.npy")

    with started("dynanoise-models", *command(path, "--count", 64, "--json", told)) as ended:
        _, errors = ended.communicate(timeout=300)
    assert ended.returncode == 0, errors
    trained = json.loads(told.read_text())["trained"]
    taken_up = 64 - len(done) - trained
    assert taken_up in (0, 16)  # a stack that was done when the run was killed, and not merged yet
    after = load_shadow_store(path)
    for model, record in done.items():
        assert after.record["models"][model] == record  # with the time that it took
        np.testing.assert_array_equal(after.logits[int(model)], before[int(model)])


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_a_worker_that_dies_is_reported_and_its_work_done_again(tmp_path):
    path = tmp_path / "store"
    with started("dynanoise-models", *command(path, "--count", 32)) as running:
        until(lambda: list(path.glob("states/*.progress")))
        os.kill(workers_of(running)[0], signal.SIGKILL)
        _, errors = running.communicate(timeout=300)
    assert running.returncode == 0, errors
    assert "A worker died" in errors
    assert np.isfinite(load_shadow_store(path).logits).all()


def test_what_fails_for_sure_is_not_tried_again(tmp_path):
    bundle = tmp_path / "bundle"
    generator = np.random.default_rng(0)
    x = generator.standard_normal((40, 64)).astype(np.float32)
    x[3] = np.nan
    y = np.arange(40) % 10
    save_bundle(bundle, {"input": x}, y, np.array([Part.MEMBER] * 20 + [Part.NON_MEMBER] * 20))
    reported = []
    with pytest.raises(UserError, match="the loss is nan"):
        make_shadows("digits-mlp", tmp_path / "store", 2, CHOICES, bundle, workers=1, report=reported.append)
    assert len(reported) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"y": np.arange(40) + 5}, "labels beyond the 10 classes"),
        ({"x": np.zeros((40, 64), np.float32)}, "20 of its non-members are members as well"),
        ({"y": None}, "no labels y"),
        ({"x": np.zeros((40, 10), np.float32)}, r"has \[40, 10\] float32 for the input input:batch,64:float32"),
        ({"x": np.zeros((40, 64))}, "float64 for the input"),
    ],
)
def test_a_bundle_that_is_no_audit_is_refused(tmp_path, change, said):
    x = np.random.default_rng(0).standard_normal((40, 64)).astype(np.float32)
    arrays = {"x": x, "y": np.arange(40) % 10, "member": np.arange(40) < 20} | change
    np.savez(tmp_path / "bundle.npz", **{name: value for name, value in arrays.items() if value is not None})
    with pytest.raises(UserError, match=said):
        make_shadows("digits-mlp", tmp_path / "store", 2, CHOICES, tmp_path / "bundle.npz")
    assert not (tmp_path / "store").exists()


def test_a_store_is_not_taken_up_with_other_rows(store):
    with pytest.raises(UserError, match="holds other rows than these options draw"):
        make_shadows("digits-mlp", store, 32, replace(CHOICES, rows=200))


def test_a_stores_own_bundle_is_that_of_the_target(store, tmp_path):
    train_target("digits-mlp", tmp_path / "model.pt", tmp_path / "bundle", CHOICES)
    assert bundle_sha256(tmp_path / "bundle") == bundle_sha256(store / "bundle")
    assert load_shadow_store(store).record["bundle_sha256"] == bundle_sha256(store / "bundle")
