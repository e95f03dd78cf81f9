"""The wheel, installed as by a user: into an empty environment, away from the checkout."""

import configparser
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import onnx_ir as ir
import pytest

from dynanoise_export.version import __version__
from support.graphs import parse

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "dynanoise_export"
RUNTIME = "dynanoise_export/playground/page/runtime"


def run(*command, cwd, **variables):
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | variables
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
    own = (*LIBRARY.glob("reports/html/*.jinja"), *LIBRARY.glob("playground/page/**/*.*"))
    assert others - pages == {f"dynanoise_export/{path.relative_to(LIBRARY)}" for path in own}
    assert pages <= others
    for package in packages:
        assert f"{package}/py.typed" in names


@pytest.mark.slow
def test_it_is_built_without_the_runtime_of_the_page_if_no_registry_is_in_reach(tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "runtime", "tests", "benchmarks", "demo"))
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, copy]
    run(*command, cwd=tmp_path, NPM_CONFIG_REGISTRY="http://127.0.0.1:9")
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    assert "dynanoise_export/playground/page/index.html" in names
    assert not any(name.startswith(RUNTIME) for name in names)


def test_it_has_the_whole_runtime_of_the_page_or_nothing_of_it(wheel):
    names = {name.rpartition("/")[2] for name in zipfile.ZipFile(wheel).namelist() if name.startswith(RUNTIME)}
    assert names in (set(), {"ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm", "package.json"})


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
