"""Toy plugins, installed as a distribution with entry points, in processes of their own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from plugins import toys

ENTRY_POINTS = """\
[dynanoise_export.defences]
toy-static = toy_plugin:Static
toy-bounded = toy_plugin:Bounded

[dynanoise_export.attacks]
toy = toy_plugin:ATTACK

[dynanoise_export.sources]
toy = toy_plugin:FORMAT

[dynanoise_export.endpoints]
toy = toy_plugin:ENDPOINT
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Give a folder to work in, with the distribution beside it, a classifier in the toy format, and a bundle."""
    site = tmp_path_factory.mktemp("site")
    shutil.copy(toys.__file__, site / "toy_plugin.py")
    information = site / "toy_plugin-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-plugin\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(ENTRY_POINTS)
    work = site / "work"
    work.mkdir()
    generator = np.random.default_rng(0)
    weight = generator.standard_normal((4, 6))
    (work / "model.toy").write_text(json.dumps({"weight": weight.tolist(), "bias": [0.0] * 4}))
    x = generator.standard_normal((400, 6), dtype=np.float32)
    np.savez(work / "rows.npz", x=x, y=(x @ weight.T).argmax(axis=1), member=np.arange(400) % 2 == 0)
    return work


def run(folder, *arguments, installed=True):
    program = Path(sys.executable).with_name("dynanoise-export")
    environment = os.environ | {"COLUMNS": "200"} | ({"PYTHONPATH": str(folder.parent)} if installed else {})
    return subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True, env=environment)


def test_the_program_uses_them_only_if_the_distribution_is_installed(folder):
    steps = [
        ("export", "model.toy", "--defence", "toy-static", "--parameter", "spread=1.5", "-o", "defended.onnx"),
        ("attack", "toy:defended.onnx", "--data", "rows.npz", "--queries", "1", "--json", "attack.json"),
    ]
    for step in steps:
        ended = run(folder, *step)
        assert ended.returncode == 0, ended.stdout + ended.stderr
    attacked = json.loads((folder / "attack.json").read_text())
    assert "toy" in {result["code"] for result in attacked["attacks"]}
    assert attacked["subject"]["path"] == "toy:defended.onnx"

    ended = run(folder, "attack", "defended.onnx", "--data", "rows.npz", installed=False)
    assert ended.returncode == 2
    assert "toy-static" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
