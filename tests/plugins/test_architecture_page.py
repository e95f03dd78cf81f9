"""docs/architecture.md, "How to add": what each section shows, installed as a distribution of its own and run."""

import json
import re
import shlex
import tomllib
from pathlib import Path

import numpy as np
import onnx
import pytest

import dynanoise_export
from dynanoise_export.attacks.methods.attack_catalogue import ATTACKS
from dynanoise_export.attacks.queries.plan_catalogue import PLANS
from dynanoise_export.defences.catalogue import DEFENCES
from dynanoise_export.deployed.open_deployed import ENDPOINTS
from dynanoise_export.sources.open_source import FORMATS
from dynanoise_models.targets import TARGETS
from support.source_code import LAYERS

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"
ROWS, FEATURES, CLASSES = 400, 6, 4


def blocks(title: str, language: str) -> list[str]:
    """Give the code blocks of a section in one language."""
    (section,) = re.findall(rf"^### {title}\n(.*?)(?=^##|\Z)", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return re.findall(rf"^```{language}\n(.*?)^```", section, re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Give the working directory: an ONNX model whose logits are linear in its rows, and a bundle of rows."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    weight = generator.standard_normal((CLASSES, FEATURES)).astype(np.float32)
    bias = np.zeros(CLASSES, np.float32)
    graph = onnx.parser.parse_model(
        f'<ir_version: 10, opset_import: ["" : 18]> g (float[n, {FEATURES}] x) => (float[n, {CLASSES}] z) '
        "{ z = Gemm<transB = 1>(x, weight, bias) }"
    )
    arrays = {"weight": weight, "bias": bias}
    graph.graph.initializer.extend(onnx.numpy_helper.from_array(array, name) for name, array in arrays.items())
    onnx.save(graph, "model.onnx")
    with Path("model.linear").open("wb") as file:
        np.savez(file, **arrays)
    x = generator.standard_normal((ROWS, FEATURES)).astype(np.float32)
    np.savez("rows.npz", x=x, y=(x @ weight.T).argmax(axis=1), member=np.arange(ROWS) % 2 == 0)
    return tmp_path


@pytest.fixture
def install(folder, monkeypatch):
    """Install what a section shows, as a distribution with a module and entry points."""

    def install(title: str) -> None:
        (code,) = blocks(title, "python")
        module = code.splitlines()[0].removeprefix("# ").removesuffix(".py")
        (folder / f"{module}.py").write_text(code, "utf-8")
        information = folder / f"{module}-1.0.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        groups = [tomllib.loads(text)["project"]["entry-points"] for text in blocks(title, "toml")]
        lines = [
            line
            for entry_points in groups
            for group, entries in entry_points.items()
            for line in (f"[{group}]", *(f"{name} = {value}" for name, value in entries.items()))
        ]
        (information / "entry_points.txt").write_text("\n".join(lines) + "\n")
        monkeypatch.syspath_prepend(folder)

    return install


@pytest.fixture
def run(program, models_program):
    """Run the commands that a section shows; give the JSON report of each of `dynanoise-export`."""
    programs = {"dynanoise-export": program, "dynanoise-models": models_program}

    def run(title: str) -> list[dict]:
        reports = []
        (commands,) = blocks(title, "sh")
        for number, command in enumerate(commands.splitlines()):
            name, *arguments = shlex.split(command)
            report = Path(f"report-{number}.json")
            asked = ["--json", report] if name == "dynanoise-export" else []
            ended = programs[name](*arguments, *asked)
            assert ended.status == 0, f"{command}\n{ended.out}{ended.err}"
            reports += [json.loads(report.read_text())] if asked else []
        return reports

    return run


def test_the_table_lists_the_rooms_from_low_to_high():
    (table,) = re.findall(r"^## The rooms\n(.*?)^## ", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    first_cells = re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE)
    rooms = [re.sub(r"/|\.py", "", name) for cell in first_cells for name in re.findall(r"`(.*?)`", cell)]
    base, others = rooms[: len(LAYERS[0])], rooms[len(LAYERS[0]) :]
    assert set(base) == set(LAYERS[0])
    assert others == [room for layer in LAYERS[1:] for room in layer] + ["dynanoise_models", "dynanoise_cli"]


def test_the_defence_of_the_page_is_exported_and_audited(install, run):
    install("A defence")
    assert "concentration" in DEFENCES.names()
    _, _, validated, _ = run("A defence")
    assert dynanoise_export.inspect("defended.onnx").provenance.made_defence().parameters == {"sigma": 2}
    assert validated["passed"]
    outcomes = {check["code"]: check["outcome"] for check in validated["checks"]}
    assert outcomes["noise-variance"] == "passed"


def test_the_attack_of_the_page_takes_part(install, run):
    install("An attack")
    assert "gap" in ATTACKS.names()
    dynanoise_export.export("model.onnx", "defended.onnx")
    (report,) = run("An attack")
    assert {result["name"] for result in report["attacks"]} >= {"gap of the two best classes", "loss"}


def test_the_query_plan_of_the_page_takes_part(install, run):
    install("A query plan")
    assert "shrunken" in PLANS.names()
    dynanoise_export.export("model.onnx", "defended.onnx")
    (report,) = run("A query plan")
    assert {("shrunken", "x / 2", 1)} <= {(one["plan"], one["attacker"], one["queries"]) for one in report["attacks"]}


def test_the_format_of_the_page_is_opened(install, run):
    install("A source format")
    assert "linear" in FORMATS.names()
    _, validated = run("A source format")
    assert dynanoise_export.inspect("defended.onnx").provenance.source_format == "a linear classifier"
    assert validated["passed"]
    Path("damaged.linear").write_bytes(b"PK")
    with pytest.raises(dynanoise_export.FormatError):
        dynanoise_export.export("damaged.linear", "other.onnx")


def test_the_endpoint_of_the_page_answers(install, run):
    install("A runtime or an endpoint")
    assert "reference" in ENDPOINTS.names()
    dynanoise_export.export("model.onnx", "defended.onnx")
    (report,) = run("A runtime or an endpoint")
    assert report["subject"]["path"] == "reference:defended.onnx"
    with dynanoise_export.load("reference:defended.onnx") as session:
        answers = session.predict(np.zeros((3, FEATURES), np.float32))
    np.testing.assert_allclose(answers.sum(axis=1), np.ones(3), rtol=1e-6)


def test_the_target_of_the_page_is_trained(install, run, monkeypatch):
    import importlib

    install("A target of dynanoise-models")
    monkeypatch.setitem(TARGETS, "mlp-wine", importlib.import_module("wine_target").WINE)
    run("A target of dynanoise-models")
    assert dynanoise_export.inspect("defended.onnx").provenance.source_format == "a checkpoint of mlp-wine"
