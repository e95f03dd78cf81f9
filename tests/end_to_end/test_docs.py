"""The commands of the docs and of the README, run as they stand there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]


def shell(command, cwd):
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ended = subprocess.run(
        ["bash", "-euc", command], cwd=cwd, capture_output=True, text=True, env=os.environ | {"PATH": programs}
    )
    assert ended.returncode == 0, f"{command}\n{ended.stdout}{ended.stderr}"
    return ended.stdout


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Give a folder where the demonstration has run."""
    folder = tmp_path_factory.mktemp("demo")
    shell("dynanoise-export demo", folder)
    return folder


def blocks(document, language):
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def left(lines):
    return [line.split()[0] for line in lines if line.strip() and not line.startswith(" ")]


def test_the_readme_shows_commands_that_run_as_shown(demo):
    shown = [block.splitlines() for block in blocks("README.md", "console")]
    assert shown
    for command, *output in shown:
        written = shell(f"COLUMNS=80 {command.removeprefix('$ ')}", demo)
        # Digests, versions and sizes hang on the machine; what stands at the left of each row does not.
        assert left(output) == left(written.splitlines())[: len(left(output))]


def test_the_attack_of_the_readme_and_that_of_the_docs_run(demo):
    shell("dynanoise-export demo/digits.pt -o defended.onnx", demo)
    shell(blocks("README.md", "sh")[0], demo)
    assert "The worst attack is" in (demo / "report.html").read_text()
    assert (demo / "report.observations").is_dir()
    (demo / "attacked.py").write_text(blocks("docs/attack.md", "python")[0])
    for name in ("bundle.npz", "shadows", "digits.pt"):
        (demo / name).symlink_to(demo / "demo" / name)
    assert "Interval(value=0." in shell("python attacked.py", demo)


def test_the_readme_deploys_as_shown(demo):
    shell("dynanoise-export demo/digits.pt -o defended.onnx", demo)
    shell("dynanoise-export demo/digits.pt --noise keyed --keep-label --sigma0 4 -o kept.onnx", demo)
    for block in blocks("README.md", "sh")[1:]:
        shell(block, demo)
    assert (demo / "models" / "kept" / "config.pbtxt").is_file()
    assert (demo / "kept.plan").stat().st_size
    assert (demo / "bench.html").stat().st_size


def test_the_lines_of_python_that_ask_a_defended_file_run(demo):
    shell("dynanoise-export demo/digits.pt -o defended.onnx", demo)
    given = "import numpy as np\nx = np.zeros((3, 64), np.float32)\n"
    for block in (*blocks("README.md", "python"), *blocks("docs/deploy.md", "python")):
        (demo / "asked.py").write_text(f"{given}{block}\nprint(probabilities.shape)")
        assert shell("python asked.py", demo) == "(3, 10)\n"


def test_the_makefile_runs_the_demo_that_the_readme_names():
    assert "make demo" in blocks("README.md", "")[0]
    assert "dynanoise-export demo --out demo" in (ROOT / "Makefile").read_text()


def test_the_release_gate_of_the_docs_gates(demo, tmp_path):
    shutil.copy(demo / "demo" / "digits.pt", tmp_path / "model.pt")
    shutil.copy(demo / "demo" / "bundle.npz", tmp_path / "rows.npz")
    job = yaml.safe_load(blocks("docs/ci.md", "yaml")[0])["jobs"]["defended"]
    commands = {step["name"]: step["run"] for step in job["steps"] if "run" in step}
    assert commands.pop("Install") == "pip install 'dynanoise-export[cpu,report]'"  # as the test of the wheel does
    for command in commands.values():
        shell(command, tmp_path)
    for report in ("export.json", "validation.json", "validation.xml", "attack.json", "attack.html"):
        assert (tmp_path / report).stat().st_size

    (tmp_path / "test_release.py").write_text(blocks("docs/ci.md", "python")[0])
    assert "2 passed" in shell("python -m pytest -q test_release.py", tmp_path)


def test_the_models_of_the_docs_train_as_shown(tmp_path):
    commands = blocks("docs/models.md", "")[0]
    shown = [line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("dynanoise-models ")]
    assert shown == [line for line in commands.splitlines() if line.startswith("dynanoise-models ")]
    shell(commands, tmp_path)
    (tmp_path / "store.py").write_text(blocks("docs/models.md", "python")[0])
    assert shell("python store.py", tmp_path).startswith("(32, 1797, 10) [0.5 ")
