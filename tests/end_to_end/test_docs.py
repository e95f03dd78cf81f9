"""The commands of the docs and of the README, run as they are shown."""

import re
import shutil

import pytest
import yaml

from dynanoise_export import errors
from dynanoise_export.attacks.methods.attack_catalogue import ATTACKS
from support.pages_of_docs import ROOT, blocks, shell

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("*/README.md")])


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Give a folder where the demonstration has run."""
    folder = tmp_path_factory.mktemp("demo")
    (folder / "printed.txt").write_text(shell("dynanoise-export demo", folder))
    return folder


def test_the_demo_ends_by_naming_its_report(demo):
    *_, last = (demo / "printed.txt").read_text().splitlines()
    assert "<html" in (demo / last.rpartition(" ")[2]).read_text()


@pytest.fixture(scope="module")
def defended(demo):
    """Give the folder of the demonstration with a defended file, under the name that the README uses."""
    shell("dynanoise-export demo/digits.pt -o defended.onnx", demo)
    return demo


@pytest.fixture
def release(demo, tmp_path):
    """Give a folder with a model and its rows, under the names that the docs use."""
    shutil.copy(demo / "demo" / "digits.pt", tmp_path / "model.pt")
    shutil.copy(demo / "demo" / "bundle.npz", tmp_path / "rows.npz")
    return tmp_path


def quicker(block, shown, fewer):
    """Replace a number of a block by a smaller one: the demonstration has attacked with many queries."""
    assert shown in block
    return block.replace(shown, fewer)


def left(lines):
    return [line.split()[0] for line in lines if line.strip() and not line.startswith(" ")]


def test_the_readme_shows_commands_that_run_as_shown(demo):
    shown = [block.splitlines() for block in blocks("README.md", "console")]
    assert shown
    for command, *output in shown:
        written = shell(f"COLUMNS=80 {command.removeprefix('$ ')}", demo)
        # Digests, versions and sizes depend on the machine; the left column does not.
        expected = [word for word in left(output) if word != "…"]
        assert expected == left(written.splitlines())[: len(expected)]


def test_the_attacks_of_the_readme_and_of_the_docs_run(defended):
    shell(quicker(blocks("README.md", "sh")[0], " --html", " --budget 1 --html"), defended)
    assert "RMIA" in (defended / "report.html").read_text()
    assert (defended / "report.responses").is_dir()
    (defended / "attacked.py").write_text(quicker(blocks("docs/attack.md", "python")[0], "budget=16", "budget=1"))
    for name in ("bundle.npz", "shadows", "digits.pt"):
        (defended / name).symlink_to(defended / "demo" / name)
    assert re.search(r"0\.\d{3} \[0\.\d{3}, 0\.\d{3}\]", shell("python attacked.py", defended))


def test_the_readme_deploys_as_shown(defended):
    shell("dynanoise-export demo/digits.pt --noise keyed --keep-label --sigma0 4 -o kept.onnx", defended)
    deploy, compiled, timed = blocks("README.md", "sh")[1:]
    for block in (deploy, compiled, quicker(timed, " --html", " --pairs 10 --html")):
        shell(block, defended)
    assert (defended / "models" / "kept" / "config.pbtxt").is_file()
    assert (defended / "kept.plan").stat().st_size
    assert (defended / "bench.html").stat().st_size


def test_the_python_that_queries_a_defended_file_runs(defended):
    given = "import numpy as np\nx = np.zeros((3, 64), np.float32)\n"
    for block in (*blocks("README.md", "python"), *blocks("docs/deploy.md", "python")):
        (defended / "query.py").write_text(f"{given}{block}\nprint(probabilities.shape)")
        assert shell("python query.py", defended) == "(3, 10)\n"


def test_the_makefile_runs_the_demo_that_the_readme_names():
    assert "make demo" in blocks("README.md", "")[0]
    assert "dynanoise-export demo --out demo" in (ROOT / "Makefile").read_text()


def test_the_readme_counts_the_attacks_and_the_wrong_graphs():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert (len(ATTACKS.names()), "twenty-four attacks" in readme) == (24, True)
    page = (ROOT / "docs" / "validate.md").read_text(encoding="utf-8")
    (caught,) = re.findall(r"^## What it catches\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    _head, _rule, *rows = re.findall(r"^\|.*\|$", caught, re.MULTILINE)
    assert f"{len(rows)} kinds of wrong graphs" in readme


def test_the_release_gate_of_the_docs_gates(release):
    job = yaml.safe_load(blocks("docs/ci.md", "yaml")[0])["jobs"]["defended"]
    commands = {step["name"]: step["run"] for step in job["steps"] if "run" in step}
    assert commands.pop("Install") == "pip install 'dynanoise-export[cpu,report]'"  # as the test of the wheel does
    commands["Attack"] = quicker(commands["Attack"], "--budget 16", "--quick")
    for command in commands.values():
        shell(command, release)
    reports = ("export.json", "validation.json", "validation.xml", "attack.json", "attack.html", "attack.xml")
    for report in (*reports, "attack.cdx.json"):
        assert (release / report).stat().st_size

    block = quicker(blocks("docs/ci.md", "python")[0], "max_auc=0.7", "max_auc=0.7, budget=1")
    (release / "test_release.py").write_text(block)
    assert "2 passed" in shell("python -m pytest -q test_release.py", release)


def test_the_python_of_the_api_page_runs(release):
    (release / "page.py").write_text("".join(blocks("docs/api.md", "python")))
    written = shell("python page.py", release)
    assert "(3, 10) DynaNoise(sigma0=0.55" in written
    assert "file-access" in written


def test_the_api_page_lists_the_kinds_of_errors():
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.UserError)]
    listed = re.findall(r"^\| `(\w+)` \| `([\w-]+)` \|", page, re.MULTILINE)
    assert sorted(listed) == sorted((kind.__name__, kind.code) for kind in kinds)


def anchors(page):
    """List the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_the_docs_leads_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        found = page.parent / path if path else page
        assert found.exists(), link
        assert not anchor or anchor in anchors(found), link
