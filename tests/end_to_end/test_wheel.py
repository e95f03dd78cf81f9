"""The wheel, installed as by a user: into an empty environment, away from the checkout."""

import configparser
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from dynanoise_export.version import __version__

ROOT = Path(__file__).parents[2]


def run(*command, cwd):
    ended = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True)
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
    assert others == {f"dynanoise_export/reports/html/{name}.html.jinja" for name in ("attack", "bench", "page")}
    for package in packages:
        assert f"{package}/py.typed" in names


def test_it_states_its_programs_and_the_format_of_the_models(wheel):
    archive = zipfile.ZipFile(wheel)
    (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/entry_points.txt")]
    entries = configparser.ConfigParser()
    entries.read_string(archive.read(name).decode())
    assert set(entries["console_scripts"]) == {"dynanoise-export", "dynanoise-models"}
    assert all(value.startswith("dynanoise_models.") for value in entries["dynanoise_export.sources"].values())


def test_it_works_in_an_empty_environment(wheel, checkpoint, tmp_path):
    run(sys.executable, "-m", "venv", tmp_path / "env", cwd=tmp_path)
    programs = tmp_path / "env" / "bin"
    constraints = ROOT / "constraints.txt"
    run(programs / "pip", "install", "--quiet", "--constraint", constraints, f"{wheel}[cpu]", cwd=tmp_path)
    assert "export" in run(programs / "dynanoise-export", "--help", cwd=tmp_path)
    version = run(programs / "python", "-m", "dynanoise_export", "--version", cwd=tmp_path)
    assert __version__ in version
    made = tmp_path / "defended.onnx"
    run(programs / "dynanoise-export", checkpoint, "--sigma0", 0.55, "-o", made, cwd=tmp_path)
    assert "passed" in run(programs / "dynanoise-export", "inspect", made, cwd=tmp_path)
