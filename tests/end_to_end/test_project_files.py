"""The files around the code: versions, the workflow and the hooks agree with the project."""

import re
import tomllib
from pathlib import Path

import yaml

from dynanoise_export.version import __version__

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def read_yaml(path):
    return yaml.safe_load((ROOT / path).read_text("utf-8"))


def test_the_version_is_the_same_everywhere():
    assert PROJECT["tool"]["hatch"]["version"]["path"] == "dynanoise_export/version.py"
    assert read_yaml("CITATION.cff")["version"] == __version__
    newest, date = re.search(r"^## (\S+) – (\S+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE).groups()
    assert newest == __version__
    assert read_yaml("CITATION.cff")["date-released"] == date


def test_the_workflow_runs_what_a_person_runs_on_each_supported_version_of_python():
    job = read_yaml(".github/workflows/ci.yml")["jobs"]["tests"]
    classifiers = PROJECT["project"]["classifiers"]
    supported = [name.rpartition(" ")[2] for name in classifiers if re.search(r"Python :: 3\.\d+$", name)]
    assert job["strategy"]["matrix"]["python-version"] == supported
    assert job["steps"][-1]["run"] == ".ci/run"
    assert "make test" in (ROOT / ".ci" / "run").read_text("utf-8")


def test_the_hooks_are_the_linters_of_make():
    (local,) = read_yaml(".pre-commit-config.yaml")["repos"]
    assert local["repo"] == "local"
    hooks = [hook["entry"].removeprefix(".venv/bin/").removesuffix(" --force-exclude") for hook in local["hooks"]]
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE).group(1)
    assert hooks == re.findall(r"\$\(BIN\)/(.*)", recipe)
    assert all(hook["language"] == "system" for hook in local["hooks"])


def test_the_issue_forms_are_complete():
    for form in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"):
        content = yaml.safe_load(form.read_text("utf-8"))
        assert {"name", "description", "body"} <= content.keys()
        ids = [field["id"] for field in content["body"] if field["type"] != "markdown"]
        assert len(ids) == len(set(ids))
