"""What an installation without PyTorch, transformers and scikit-learn can do."""

import json
import subprocess
import sys

import numpy as np
import onnx_ir as ir
import pytest

from support.graphs import parse

# Python's own finder of installed modules, which finds all but these.
WITHOUT = """
import sys
from importlib.machinery import PathFinder

class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        hidden = {{"torch", "transformers", "sklearn", "PIL", "safetensors", "jinja2", "plotly", "pyarrow",
                  "cyclonedx", "yaml"}}
        return None if name in hidden else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Without
from dynanoise_cli.{program} import main
main()
"""


def program(*arguments, name="app", status=0):
    code = WITHOUT.format(program=name)
    ended = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == status, ended.stdout + ended.stderr
    return ended.stderr if status else ended.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Give a folder with a linear classifier in ONNX, its defended file, a bundle and a shadow store."""
    folder = tmp_path_factory.mktemp("light")
    rng = np.random.default_rng(0)
    text = ", ".join(f"{weight:.3f}" for weight in rng.normal(size=80))
    model = parse(f"linear (float[n, 8] x) => (float[n, 10] z) <float[8, 10] w = {{{text}}}> {{ z = MatMul(x, w) }}")
    ir.save(model, folder / "model.onnx")
    member = np.arange(2000) < 1000
    np.savez(
        folder / "rows.npz", x=rng.normal(size=(2000, 8)).astype(np.float32), y=rng.integers(0, 10, 2000), member=member
    )
    program(folder / "model.onnx", "-o", folder / "defended.onnx")
    return folder


def test_a_file_is_validated_against_its_onnx_reference(folder):
    report = folder / "validation.json"
    arguments = ("--reference", folder / "model.onnx", "--data", folder / "rows.npz", "--json", report)
    program("validate", folder / "defended.onnx", *arguments)
    assert json.loads(report.read_text())["passed"]


@pytest.mark.parametrize("option", ["--html", "--ml-bom"])
def test_a_report_that_needs_a_package_names_the_extra(folder, tmp_path, option):
    command = ("validate", folder / "defended.onnx", "--reference", folder / "model.onnx", option, tmp_path / "made")
    assert "dynanoise-export[report]" in program(*command, status=2)
    assert not (tmp_path / "made").exists()


def test_keyed_noise_and_kept_labels_are_validated_too(folder):
    made = folder / "kept.onnx"
    program(folder / "model.onnx", "--noise", "keyed", "--keep-label", "-o", made)
    program("validate", made, "--reference", folder / "model.onnx", "--data", folder / "rows.npz")


def test_attacks_that_need_a_package_are_skipped_and_named(folder):
    report = folder / "attack.json"
    arguments = ("--reference", folder / "model.onnx", "--data", folder / "rows.npz", "--json", report)
    program("attack", folder / "defended.onnx", *arguments, "--quick", "--force")  # its labels are random
    document = json.loads(report.read_text())
    skipped = {one["code"]: one["requirement"] for one in document["skipped"]}
    assert skipped["quantile-regression"] == skipped["three-subnets"] == "package"
    assert "rows-not-compared" in {one["code"] for one in document["warnings"]}
    assert "loss" in {one["code"] for one in document["attacks"]}


@pytest.mark.parametrize("command", [("inspect",), ("bench", "--pairs", 10, "--batch", 1)])
def test_a_file_is_inspected_and_timed(folder, command):
    name, *arguments = command
    program(name, folder / "defended.onnx", *arguments)


def test_a_bundle_is_made_of_a_table_and_of_arrays(folder, tmp_path):
    x = np.load(folder / "rows.npz")["x"]
    lines = [f"{','.join(map(str, values))},{row % 10},{row % 2}" for row, values in enumerate(x)]
    (tmp_path / "rows.csv").write_text("\n".join(["a,b,c,d,e,f,g,h,y,member", *lines]))
    names = ("--label", "y", "--member", "member")
    for source in (tmp_path / "rows.csv", folder / "rows.npz"):
        model = ("--model", folder / "model.onnx", "--force")
        program("bundle", source, *names, *model, "-o", tmp_path / "made.npz")
        assert np.load(tmp_path / "made.npz")["x"].shape == (2000, 8)
    (tmp_path / "rows.parquet").write_bytes(b"PAR1")
    assert "[parquet]" in program("bundle", tmp_path / "rows.parquet", *names, "-o", tmp_path / "p.npz", status=2)
    (tmp_path / "images" / "members" / "cat").mkdir(parents=True)
    (tmp_path / "images" / "non-members").mkdir()
    assert "[images]" in program("bundle", tmp_path / "images", "-o", tmp_path / "i.npz", status=2)


def test_a_triton_repository_is_written(folder):
    program("triton", folder / "defended.onnx", "--repository", folder / "repository")


@pytest.mark.parametrize(
    ("content", "name"),
    [(b"\x80\x02}q\x00.", "weights.pt"), (b"x" * 20, "weights.safetensors")],
)
def test_a_format_of_pytorch_names_the_extra(tmp_path, content, name):
    (tmp_path / name).write_bytes(content)
    assert "dynanoise-export[torch]" in program(tmp_path / name, "-o", tmp_path / "made.onnx", status=2)
    assert not (tmp_path / "made.onnx").exists()


def test_a_hugging_face_folder_names_the_extra(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    assert "dynanoise-export[huggingface]" in program(tmp_path, "-o", tmp_path / "made.onnx", status=2)


def test_training_and_the_demonstration_name_the_extra(tmp_path):
    assert "[torch]" in program("demo", "--out", tmp_path, status=2)
    assert "[torch]" in program("train", "digits-mlp", "-o", tmp_path / "t.pt", name="models.app", status=2)


def test_shadow_models_are_trained_with_own_code(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(
        "def to_file(rows, labels, seed):\n"
        "    import shutil\n"
        f"    return shutil.copy({str(folder / 'model.onnx')!r}, f'{{seed}}.onnx')\n"
    )
    command = ("shadows", "--train", "own:to_file", "--bundle", folder / "rows.npz", "--count", 4, "--workers", 1)
    program(*command, "-o", folder / "shadows", name="models.app")
    report = folder / "with-shadows.json"
    arguments = ("--data", folder / "rows.npz", "--shadows", folder / "shadows", "--json", report)
    program("attack", folder / "defended.onnx", *arguments, "--budget", 4, "--force")
    document = json.loads(report.read_text())
    assert "rmia-online" in {one["code"] for one in document["attacks"]}
    assert "amplified" in {one["plan"] for one in document["attacks"]}
    assert {one["code"]: one["requirement"] for one in document["skipped"]}["fusion"] == "package"
