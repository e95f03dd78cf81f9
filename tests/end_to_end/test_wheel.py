"""The wheel, installed as a user installs it: into an empty environment, away from the checkout."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

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


def test_it_holds_the_three_packages_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    packages = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert packages == {"dynanoise_export", "dynanoise_cli", "dynanoise_models"}
    others = {name for name in names if ".dist-info/" not in name and not name.endswith((".py", "/py.typed"))}
    assert others == {f"dynanoise_export/reports/html/{name}.html.jinja" for name in ("attack", "bench", "page")}
    for package in packages:
        assert f"{package}/py.typed" in names


def test_it_works_in_an_empty_environment(wheel, checkpoint, tmp_path):
    run(sys.executable, "-m", "venv", tmp_path / "env", cwd=tmp_path)
    programs = tmp_path / "env" / "bin"
    constraints = ROOT / "constraints.txt"
    run(programs / "pip", "install", "--quiet", "--constraint", constraints, f"{wheel}[cpu]", cwd=tmp_path)
    assert "export" in run(programs / "dynanoise-export", "--help", cwd=tmp_path)
    made = tmp_path / "defended.onnx"
    run(programs / "dynanoise-export", checkpoint, "--sigma0", 0.55, "-o", made, cwd=tmp_path)
    assert "passed" in run(programs / "dynanoise-export", "inspect", made, cwd=tmp_path)
