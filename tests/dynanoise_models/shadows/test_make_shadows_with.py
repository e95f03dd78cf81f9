"""Shadow models that the user's own training code makes."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from dynanoise_export import ShadowStore
from dynanoise_export.errors import DataError, UnsupportedModelError, UsageError, UserError
from dynanoise_models.shadows.backends import JobBackend
from dynanoise_models.shadows.job import model_seed
from dynanoise_models.shadows.make_shadows import make_shadows_with
from support.program import LIMIT, until

ROWS, CLASSES = 60, 3
CODE = Path(__file__).parents[2] / "support" / "own_training.py"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Give a working directory with the user's module and a bundle."""
    generator = np.random.default_rng(0)
    y = np.arange(ROWS) % CLASSES
    x = (generator.standard_normal((ROWS, 4)) + y[:, None]).astype(np.float32)
    np.savez(tmp_path / "rows.npz", x=x, y=y, member=np.arange(ROWS) < ROWS // 2)
    (tmp_path / "own_training.py").write_text(CODE.read_text())
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "own_training", raising=False)
    yield tmp_path
    sys.modules.pop("own_training", None)


def rows():
    with np.load("rows.npz") as content:
        return content["x"], content["y"]


def make(function, count=4, **options):
    given = {"bundle": Path("rows.npz"), "workers": 1} | options
    return make_shadows_with(f"own_training:{function}", Path("store"), count, **given)


def test_each_model_is_trained_on_its_half_and_answers_all_rows(folder):
    made = make("nearest_mean")
    store, (x, y) = ShadowStore.load("store"), rows()
    assert (made.trained, made.models, store.logits.shape) == (4, (), (4, ROWS, CLASSES))
    assert (store.kept.sum(axis=0) == 2).all()
    for model, kept in enumerate(store.kept):
        means = np.stack([x[kept & (y == label)].mean(axis=0) for label in range(CLASSES)])
        expected = -((x[:, None] - means) ** 2).sum(axis=2)
        np.testing.assert_allclose(store.logits[model], expected, rtol=1e-4)
        stated = store.record["models"][str(model)]
        assert stated["accuracy_others"] == pytest.approx((expected.argmax(axis=1) == y)[~kept].mean())
        assert stated["seed"] == model_seed(0, model)
    assert (store.record["recipe"], store.record["classes"]) == ("own_training:nearest_mean", CLASSES)
    assert sorted(path.name for path in Path("store").iterdir()) == ["kept.npy", "logits.npy", "store.json"]


def test_the_labels_are_those_of_the_bundle_even_if_they_are_wrong(folder):
    x, y = rows()
    wrong = (y + (np.arange(ROWS) % 7 == 0)) % CLASSES
    np.savez("rows.npz", x=x, y=wrong, member=np.arange(ROWS) < ROWS // 2, canary=wrong != y)
    make("nearest_mean", count=2)
    store = ShadowStore.load("store")
    means = np.stack([x[store.kept[0] & (wrong == label)].mean(axis=0) for label in range(CLASSES)])
    np.testing.assert_allclose(store.logits[0], -((x[:, None] - means) ** 2).sum(axis=2), rtol=1e-4)


def test_that_callables_are_not_kept_is_said_once(folder):
    warnings = []
    make("nearest_mean", warn=warnings.append)
    assert len(warnings) == 1
    warnings.clear()
    make("nearest_mean", count=6, keep=False, warn=warnings.append)
    assert warnings == []


@pytest.mark.parametrize("function", ["onnx_file", "onnx_probabilities", "torch_module", "torch_of_two_kinds"])
def test_models_are_kept_and_answer_as_the_store_says(folder, function):
    store = ShadowStore.load(make(function).path)
    x, _ = rows()
    assert [path.name for path in store.models] == [f"00{model}.onnx" for model in range(4)]
    for path, logits in zip(store.models, store.logits, strict=True):
        session = onnxruntime.InferenceSession(str(path))
        scores = session.run(None, {session.get_inputs()[0].name: x})[0]
        difference = (np.log(scores) if function == "onnx_probabilities" else scores) - logits
        np.testing.assert_allclose(difference - difference.mean(axis=1, keepdims=True), 0, atol=1e-4)
    assert not np.allclose(store.logits[0], store.logits[1])


def test_the_weights_in_other_files_are_kept_too(folder):
    store = ShadowStore.load(make("onnx_with_external_data").path)
    x, _ = rows()
    for path, logits in zip(store.models, store.logits, strict=True):
        assert path.with_name(f"{path.name}.data").is_file()
        np.testing.assert_allclose(onnxruntime.InferenceSession(str(path)).run(None, {"x": x})[0], logits, atol=1e-5)


@pytest.mark.parametrize("function", ["probabilities", "probabilities_in_float64"])
def test_probabilities_become_their_logarithm(folder, function):
    make(function)
    logits = ShadowStore.load("store").logits
    np.testing.assert_allclose(np.exp(logits).sum(axis=2), 1, atol=1e-5)
    assert np.isfinite(logits).all()


@pytest.mark.parametrize("function", ["sigmoid", "column_of_logits", "torch_with_one_score"])
def test_one_score_stands_for_two_classes(folder, function):
    x, y = rows()
    np.savez("rows.npz", x=x, y=y % 2)
    with pytest.raises(UnsupportedModelError, match="--binary"):
        make(function, keep=False)
    made = make(function, binary=True, keep=False)
    assert ShadowStore.load(made.path).logits.shape == (4, ROWS, 2)


def test_several_inputs_come_as_a_dict(folder):
    x, y = rows()
    np.savez("rows.npz", **{"inputs.left": x[:, :2], "inputs.right": x[:, 2:]}, y=y)
    make("of_two_inputs")
    assert ShadowStore.load("store").logits.shape == (4, ROWS, CLASSES)


@pytest.mark.parametrize(
    ("function", "kind", "named"),
    [
        ("fails", UsageError, "line 72 of own_training.py .*KeyError: 'a column'"),
        ("exits", UsageError, "SystemExit"),
        ("fails_to_answer", UsageError, "ZeroDivisionError"),
        ("nothing", UsageError, "NoneType"),
        ("too_few_classes", UnsupportedModelError, "own_training:too_few_classes"),
        ("different_classes", DataError, "4 and 3 classes|3 and 4 classes"),
        ("percentages", UnsupportedModelError, "own_training:percentages"),
        ("not_numbers", UnsupportedModelError, "own_training:not_numbers"),
        ("same_file", UsageError, "seed"),
        ("missing_file", UserError, "nowhere.onnx"),
        ("CONSTANT", UsageError, "not a function"),
        ("unknown", UsageError, "unknown"),
    ],
)
def test_an_error_of_the_users_code_ends_the_run(folder, function, kind, named):
    warnings = []
    with pytest.raises(kind, match=named):
        make(function, warn=warnings.append)
    assert warnings == []


@pytest.mark.parametrize("location", ["own_training", "missing_module:train", "own_training:"])
def test_what_is_no_function_is_refused_before_anything_is_written(folder, location):
    with pytest.raises(UsageError, match=location.partition(":")[0]):
        make_shadows_with(location, Path("store"), 4, bundle=Path("rows.npz"))
    assert not Path("store").exists()


def test_after_an_error_that_would_come_again_no_other_model_is_begun(folder):
    with pytest.raises(UsageError):
        make("fails_after_a_note", count=8)
    assert len(Path("begun.txt").read_text()) == 1
    Path("works").touch()
    assert make("fails_after_a_note", count=8).trained == 8


def test_changed_code_does_not_go_on_with_a_store(folder):
    make("nearest_mean")
    source = Path("own_training.py")
    source.write_text(source.read_text() + "\n# other\n")
    with pytest.raises(DataError, match="recipe_sha256"):
        make("nearest_mean", count=6)


def test_a_store_grows_and_keeps_its_models(folder):
    make("onnx_file", count=2)
    before = Path("store/models/000.onnx").stat().st_mtime_ns
    with pytest.raises(UsageError, match="--no-models"):
        make("onnx_file", keep=False)
    assert make("onnx_file").trained == 2
    assert len(ShadowStore.load("store").models) == 4
    assert Path("store/models/000.onnx").stat().st_mtime_ns == before


def test_a_store_without_models_grows_without_models(folder):
    make("onnx_file", count=2, keep=False)
    warnings = []
    assert make("onnx_file", warn=warnings.append).models == ()
    assert len(warnings) == 1
    assert not Path("store/models").exists()


def test_a_module_that_can_not_be_exported_leaves_the_store_without_models(folder):
    warnings = []
    made = make("torch_that_branches", warn=warnings.append)
    assert made.models == ()
    assert len(warnings) == 1
    assert not Path("store/models").exists()


@pytest.mark.parametrize(
    "backend",
    [
        JobBackend.LOKY,
        pytest.param(JobBackend.DASK, marks=pytest.mark.slow),
        pytest.param(JobBackend.RAY, marks=pytest.mark.slow),
    ],
)
def test_workers_find_the_users_module_whatever_their_path(folder, monkeypatch, backend):
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    pytest.importorskip({"ray": "ray", "dask": "distributed"}.get(backend, "joblib"))
    make("onnx_file", workers=2, backend=backend)
    assert len(ShadowStore.load("store").models) == 4


@pytest.mark.parametrize("damage", [b"{", b'{"schema": 1}', b"[" * 100_000])
def test_a_damaged_record_is_refused(folder, damage):
    make("nearest_mean", count=2)
    Path("store/store.json").write_bytes(damage)
    with pytest.raises(DataError, match="store"):
        make("nearest_mean")


@pytest.mark.parametrize(
    "arguments", [["--epochs", "3"], ["--protocol", "v1"], ["digits-mlp"], ["--data-dir", "."], ["--bundle", "no.npz"]]
)
def test_options_of_targets_are_refused(folder, models_program, arguments):
    command = ["shadows", "--train", "own_training:nearest_mean", "-o", "store", "--count", "4"]
    ended = models_program(*command, "--bundle", "rows.npz", *arguments)
    assert ended.status == 2
    assert "Traceback" not in ended.err
    assert not Path("store").exists()


def test_the_command_says_what_it_made(folder, models_program):
    command = ["shadows", "--train", "own_training:prints", "-o", "store", "--count", "2", "--workers", "1"]
    ended = models_program(*command, "--bundle", "rows.npz", "--json", "-")
    assert ended.status == 0, ended.err
    document = json.loads(ended.out)  # the function's own prints go elsewhere
    assert document["record"]["recipe"] == "own_training:prints"
    assert document["store"]["keeps_models"]


@pytest.mark.slow
def test_a_worker_that_dies_is_replaced(folder):
    program = Path(sys.executable).with_name("dynanoise-models")
    command = [program, "shadows", "--train", "own_training:waits_once", "--bundle", "rows.npz", "-o", "store"]
    with subprocess.Popen(
        [*command, "--count", "4", "--workers", "2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        until(Path("waiting.pid").exists, running)
        os.kill(int(Path("waiting.pid").read_text()), signal.SIGKILL)
        _, errors = running.communicate(timeout=LIMIT)
    assert running.returncode == 0, errors
    assert "worker died" in errors
    assert np.isfinite(ShadowStore.load("store").logits).all()
