"""Shadow models of the digits target, trained by real workers in processes of their own."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from dynanoise_export.bundles import Part, bundle_sha256, load_bundle, save_bundle
from dynanoise_export.errors import DataError
from dynanoise_export.shadow_stores import load_shadow_store
from dynanoise_models.experiments import ExperimentOptions
from dynanoise_models.shadows.backends import JobBackend
from dynanoise_models.shadows.job import model_seed
from dynanoise_models.shadows.make_shadows import make_shadows
from dynanoise_models.targets import TARGETS
from dynanoise_models.train_target import train_target
from dynanoise_models.training.loop import Task, fit
from dynanoise_models.training.rows import Rows, predict
from support.program import LIMIT, started, until

OPTIONS = ExperimentOptions(rows=300, epochs=3)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Make a store of 32 models in two stacks, trained by two processes."""
    path = tmp_path_factory.mktemp("shadows") / "store"
    make_shadows("digits-mlp", path, 32, options=OPTIONS, workers=2)
    return path


def test_each_model_is_the_same_as_one_trained_alone(store):
    made = load_shadow_store(store)
    bundle = load_bundle(store / "bundle", ["input"])
    assert made.logits.shape == (32, 300, 10)
    assert np.isfinite(made.logits).all()
    rows = Rows(bundle.inputs, bundle.y)
    for model in (0, 19):
        seed = model_seed(0, model)
        torch.manual_seed(seed)
        alone = TARGETS["digits-mlp"].make()
        indices = np.flatnonzero(made.kept[model])[None]
        fit(alone, Task(rows, indices, [seed], OPTIONS.settings(TARGETS["digits-mlp"].settings)), torch.device("cpu"))
        np.testing.assert_allclose(made.logits[model], predict(alone, rows, torch.device("cpu")), atol=1e-3)


def test_each_model_of_a_stack_is_kept_and_answers_as_the_store_says(store):
    made, x = load_shadow_store(store), load_bundle(store / "bundle", ["input"]).inputs["input"]
    assert [path.name for path in made.models] == [f"{model:03d}.onnx" for model in range(32)]
    for path, logits in zip(made.models[::5], made.logits[::5], strict=True):
        answers = onnxruntime.InferenceSession(str(path)).run(None, {"input": x})[0]
        np.testing.assert_allclose(answers, logits, atol=1e-4)


def test_the_record_states_the_accuracy_of_each_model(store):
    made, y = load_shadow_store(store), load_bundle(store / "bundle", ["input"]).y
    correct = made.logits.argmax(axis=2) == y
    for model, record in made.record["models"].items():
        own = made.kept[int(model)]
        assert record["accuracy_kept"] == pytest.approx(correct[int(model)][own].mean())
        assert record["accuracy_others"] == pytest.approx(correct[int(model)][~own].mean())


@pytest.mark.parametrize("backend", [JobBackend.RAY, JobBackend.DASK])
def test_a_cluster_makes_the_same_store_bit_for_bit(store, tmp_path, backend):
    pytest.importorskip({"ray": "ray", "dask": "distributed"}[backend])
    other = tmp_path / "store"
    make_shadows("digits-mlp", other, 32, bundle=store / "bundle", options=OPTIONS, backend=backend, workers=2)
    for name in ("logits.npy", "kept.npy"):
        assert (other / name).read_bytes() == (store / name).read_bytes()
    assert len(load_shadow_store(other).models) == 32


@pytest.fixture(scope="module")
def canaries(tmp_path_factory):
    """Give the rows of a target with canaries, and 16 shadow models of them."""
    folder = tmp_path_factory.mktemp("canaries")
    options = ExperimentOptions(rows=300, canaries=20)
    train_target("digits-mlp", folder / "model.pt", folder / "rows.npz", options=options)
    make_shadows("digits-mlp", folder / "store", 16, bundle=folder / "rows.npz", options=options, keep=False, workers=1)
    return load_bundle(folder / "rows.npz", ["input"]), load_shadow_store(folder / "store")


def test_shadow_models_learn_the_wrong_labels_of_the_canaries_that_they_are_trained_on(canaries):
    rows, store = canaries
    right = (store.logits.argmax(axis=2) == rows.y)[:, rows.canary]
    kept = store.kept[:, rows.canary]
    assert right[kept].mean() > 0.8
    assert right[~kept].mean() < 0.3


def command(path, epochs, *options):
    return (
        "shadows",
        "digits-mlp",
        "-o",
        path,
        "--rows",
        300,
        "--workers",
        2,
        "--no-models",
        "--epochs",
        epochs,
        *options,
    )


def models_in(store):
    """Read the records of the models in a store that is being made; the file is always whole."""
    record = store / "store.json"
    return json.loads(record.read_text())["models"] if record.exists() else {}


def workers_of(process):
    """Find the processes that joblib started for the jobs of a process."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
            command = (status.parent / "cmdline").read_text()
        except OSError:  # it has ended
            continue
        if int(lines["PPid"]) == process.pid and "popen_loky" in command:
            found.append(int(status.parent.name))
    return found


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_a_killed_run_goes_on_and_trains_no_model_twice(tmp_path):
    path, document = tmp_path / "store", tmp_path / "made.json"
    with started("dynanoise-models", *command(path, 30, "--count", 48)) as killed:
        until(
            lambda: (path / "store.json").exists() and json.loads((path / "store.json").read_text())["models"], killed
        )
        orphans = workers_of(killed)
        killed.kill()
    for worker in orphans:
        os.kill(worker, signal.SIGKILL)
    done = models_in(path)
    assert 0 < len(done) < 48
    before = np.load(path / "logits.npy")

    with started("dynanoise-models", *command(path, 30, "--count", 48, "--json", document)) as ended:
        _, errors = ended.communicate(timeout=LIMIT)
    assert ended.returncode == 0, errors
    trained = json.loads(document.read_text())["trained"]
    merged_later = 48 - len(done) - trained
    assert merged_later in (0, 16)  # a stack that was trained when the run was killed, but not merged yet
    after = load_shadow_store(path)
    for model, record in done.items():
        assert after.record["models"][model] == record  # with its training time
        np.testing.assert_array_equal(after.logits[int(model)], before[int(model)])


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_a_worker_that_dies_is_reported_and_its_work_done_again(tmp_path):
    path = tmp_path / "store"
    # The epochs take long enough for the worker to be at work when it is killed.
    with started("dynanoise-models", *command(path, 100, "--count", 32)) as running:
        until(lambda: list(path.glob("states/*.progress")), running)
        os.kill(workers_of(running)[0], signal.SIGKILL)
        _, errors = running.communicate(timeout=LIMIT)
    assert running.returncode == 0, errors
    assert len(errors.splitlines()) == 1
    assert "worker died" in errors
    assert np.isfinite(load_shadow_store(path).logits).all()


def test_an_error_of_the_user_is_reported_once_and_not_tried_again(tmp_path):
    bundle = tmp_path / "bundle"
    generator = np.random.default_rng(0)
    x = generator.standard_normal((40, 64)).astype(np.float32)
    x[3] = np.nan
    y = np.arange(40) % 10
    save_bundle(bundle, {"input": x}, y, np.array([Part.MEMBER] * 20 + [Part.NON_MEMBER] * 20))
    warnings = []
    with pytest.raises(DataError, match=r"bundle.*nan"):
        make_shadows(
            "digits-mlp", tmp_path / "store", 2, bundle=bundle, options=OPTIONS, workers=1, warn=warnings.append
        )
    assert warnings == []  # the error says it


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"y": np.arange(40) + 5}, "10 classes"),
        ({"x": np.zeros((40, 64), np.float32)}, "20 of"),
        ({"y": None}, "labels y"),
        ({"x": np.zeros((40, 10), np.float32)}, r"\[40, 10\] float32 .* input:batch,64:float32"),
        ({"x": np.zeros((40, 64))}, r"\[40, 64\] float64"),
    ],
)
def test_a_bundle_that_does_not_fit_is_refused(tmp_path, change, named):
    x = np.random.default_rng(0).standard_normal((40, 64)).astype(np.float32)
    arrays = {"x": x, "y": np.arange(40) % 10, "member": np.arange(40) < 20} | change
    np.savez(tmp_path / "bundle.npz", **{name: value for name, value in arrays.items() if value is not None})
    with pytest.raises(DataError, match=rf"bundle\.npz.*{named}|{named}.*bundle\.npz"):
        make_shadows("digits-mlp", tmp_path / "store", 2, bundle=tmp_path / "bundle.npz", options=OPTIONS)
    assert not (tmp_path / "store").exists()


def test_a_store_does_not_go_on_with_other_rows(store):
    with pytest.raises(DataError, match="bundle"):
        make_shadows("digits-mlp", store, 32, options=replace(OPTIONS, rows=200))


def test_the_bundle_in_a_store_is_that_of_the_target(store, tmp_path):
    train_target("digits-mlp", tmp_path / "model.pt", tmp_path / "bundle", options=OPTIONS)
    assert bundle_sha256(tmp_path / "bundle") == bundle_sha256(store / "bundle")
    assert load_shadow_store(store).record["bundle_sha256"] == bundle_sha256(store / "bundle")
