"""From a training script to a report with shadow models, as docs/audit-your-model.md shows it."""

import os
import runpy
import shlex
import subprocess
import sys

import numpy as np
import pytest

from dynanoise_export import ShadowStore
from support.pages_of_docs import ROOT, blocks, shell

PAGE, STORES = "docs/audit-your-model.md", "docs/shadow-stores.md"
# In their order on the page. The test installs what the page installs, without what is there already.
SCRIPTS = ("PyTorch", "Hugging Face", "scikit-learn", "Keras")
PACKAGES = ("absl-py", "h5py", "keras", "ml-dtypes", "namex", "optree", "skl2onnx")


def section(name):
    number = SCRIPTS.index(name)
    return blocks(PAGE, "python")[number], blocks(PAGE, "sh")[number]


@pytest.fixture
def working(tmp_path, monkeypatch):
    """Give the working directory, where `train.py` is imported from."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "train", raising=False)
    yield tmp_path
    sys.modules.pop("train", None)


def store_of_report(folder):
    report = (folder / "report.html").read_text()
    assert "RMIA" in report
    assert "train:train_one" in report
    return ShadowStore.load(folder / "shadows")


def test_the_page_has_a_script_and_commands_for_each():
    headings = [line[3:] for line in (ROOT / PAGE).read_text().splitlines() if line.startswith("## ")]
    assert tuple(headings[: len(SCRIPTS)]) == SCRIPTS
    assert len(blocks(PAGE, "python")) == len(blocks(PAGE, "sh")) == len(SCRIPTS)


@pytest.fixture
def in_this_process(working, program, models_program):
    """Run a script of the page and its commands in this process, with other numbers in the script and fewer models."""

    def run(name, numbers):
        script, commands = section(name)
        for shown, fewer in numbers.items():
            assert shown in script
            script = script.replace(shown, fewer)
        (working / "train.py").write_text(script)
        options = {"shadows": ["--count", "4", "--workers", "1"], "attack": ["--quick"]}
        for line in commands.splitlines():
            called, command, *arguments = shlex.split(line)
            if called == "python":
                runpy.run_path(command, run_name="__main__")
                continue
            run_program = models_program if called == "dynanoise-models" else program
            ended = run_program(command, *arguments, *options.get(command, []))
            assert ended.status == 0, ended.err
        return store_of_report(working)

    return run


@pytest.mark.filterwarnings("ignore")  # the script runs here, and its warnings are those of PyTorch
def test_a_pytorch_script_leads_to_a_report(in_this_process):
    assert len(in_this_process("PyTorch", {"range(30)": "range(2)"}).models) == 4


@pytest.mark.filterwarnings("ignore")  # and those of transformers
def test_a_script_of_hugging_face_leads_to_a_report(in_this_process):
    store = in_this_process("Hugging Face", {"1800": "240", "900": "120"})
    assert len(store.models) == 4
    assert store.logits.shape == (4, 240, 4)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_an_estimator_of_scikit_learn_needs_no_onnx(working, models_program):
    script, _ = section("scikit-learn")
    head, _, rest = script.partition("def train_one")
    own = "def train_one(rows, labels, seed):\n    return train(rows, labels, seed).predict_proba\n"
    (working / "train.py").write_text(head.replace("from skl2onnx import to_onnx\n", "") + own)
    assert "to_onnx" in rest
    generator = np.random.default_rng(0)
    y = np.arange(100) % 10
    np.savez("rows.npz", x=generator.random((100, 64), np.float32), y=y, member=y < 5)
    command = ["shadows", "--train", "train:train_one", "--bundle", "rows.npz", "--count", 2, "-o", "store"]
    ended = models_program(*command, "--workers", 1)
    assert ended.status == 0, ended.err
    np.testing.assert_allclose(np.exp(ShadowStore.load("store").logits).sum(axis=2), 1, atol=1e-5)


def test_the_python_of_the_page_of_stores_runs(tmp_path):
    rows = {"x": np.zeros((6, 2), np.float32), "y": np.arange(6) % 3}
    np.savez(tmp_path / "rows.npz", **rows)
    np.save(tmp_path / "my-logits.npy", np.random.default_rng(0).normal(size=(4, 6, 3)))
    np.save(tmp_path / "my-halves.npy", np.eye(4, 6) > 0)
    opened, written = blocks(STORES, "python")
    (tmp_path / "page.py").write_text(written + opened.replace('"shadows"', '"my-store"'))
    assert shell("python page.py", tmp_path).startswith("(4, 6, 3) [0.25")


@pytest.fixture(scope="module")
def converters(tmp_path_factory):
    """Install the packages that this environment lacks into a folder of their own."""
    folder = tmp_path_factory.mktemp("packages")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), *PACKAGES]
    subprocess.run(command, check=True)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_each_script_leads_to_a_report_as_shown(tmp_path, monkeypatch, converters, name):
    path = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([*filter(None, path), str(converters)]))
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    script, commands = section(name)
    (tmp_path / "train.py").write_text(script)
    shell(commands, tmp_path)
    assert len(store_of_report(tmp_path).models) == 32
