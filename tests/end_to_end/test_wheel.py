"""The wheel, installed as by a user: into an empty environment, away from the checkout."""

import configparser
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import onnx_ir as ir
import pytest

from dynanoise_export.version import __version__
from support.graphs import parse

ROOT = Path(__file__).parents[2]


def run(*command, cwd):
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ended = subprocess.run(list(map(str, command)), cwd=cwd, env=clean, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT, cwd=folder)
    return next(folder.glob("*.whl"))


def test_it_has_the_three_packages_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    packages = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert packages == {"dynanoise_export", "dynanoise_cli", "dynanoise_models"}
    others = {name for name in names if ".dist-info/" not in name and not name.endswith((".py", "/py.typed"))}
    docs = ROOT / "docs"
    pages = {f"dynanoise_export/docs/{page.relative_to(docs)}" for page in docs.rglob("*") if page.is_file()}
    assert others - pages == {
        f"dynanoise_export/reports/html/{name}.html.jinja" for name in ("attack", "bench", "page")
    }
    assert pages <= others
    for package in packages:
        assert f"{package}/py.typed" in names


def test_it_states_its_programs_and_the_format_of_the_models(wheel):
    archive = zipfile.ZipFile(wheel)
    (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/entry_points.txt")]
    entries = configparser.ConfigParser()
    entries.read_string(archive.read(name).decode())
    assert set(entries["console_scripts"]) == {"dynanoise-export", "dynanoise-models"}
    assert all(value.startswith("dynanoise_models.") for value in entries["dynanoise_export.sources"].values())


def test_an_onnx_file_needs_a_light_installation(wheel, tmp_path):
    run(sys.executable, "-m", "venv", tmp_path / "env", cwd=tmp_path)
    programs = tmp_path / "env" / "bin"
    constraints = ROOT / "constraints.txt"
    run(programs / "pip", "install", "--quiet", "--constraint", constraints, f"{wheel}[cpu]", cwd=tmp_path)
    installed = {one["name"] for one in json.loads(run(programs / "pip", "list", "--format", "json", cwd=tmp_path))}
    assert not installed & {"torch", "transformers", "scikit-learn", "pillow", "pandas"}
    help_text = run(programs / "dynanoise-export", "--help", cwd=tmp_path)
    assert "export" in help_text
    (pages,) = (tmp_path / "env").glob("lib/python*/site-packages/dynanoise_export/docs")
    assert (pages / "README.md").is_file()
    assert str(pages) in "".join(help_text.split())
    version = run(programs / "python", "-m", "dynanoise_export", "--version", cwd=tmp_path)
    assert __version__ in version
    model, made = tmp_path / "model.onnx", tmp_path / "defended.onnx"
    ir.save(parse("g (float[n, 4] x) => (float[n, 4] p) { p = Softmax (x) }"), model)
    run(programs / "dynanoise-export", model, "-o", made, cwd=tmp_path)
    assert "passed" in run(programs / "dynanoise-export", "inspect", made, cwd=tmp_path)
    run(programs / "dynanoise-export", "validate", made, "--reference", model, cwd=tmp_path)
