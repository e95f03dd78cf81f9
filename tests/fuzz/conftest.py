import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory):
    """Fuzz targets in another process, whose workers are its copies; give what came of each."""

    def run(names, *options, module="fuzz"):
        folder = tmp_path_factory.mktemp("fuzz")
        chosen = [argument for name in names for argument in ("--target", name)]
        files = ["--json", str(folder / "found.json"), "--findings", str(folder / "findings")]
        command = [sys.executable, "-m", module, "--share", "--processes", "1", *chosen, *files, *options]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])}
        subprocess.run(command, cwd=folder, env=environment, check=False)
        return json.loads((folder / "found.json").read_text("utf-8"))

    return run
