"""The model card, the bill of materials and the JUnit file of the commands."""

import json
from xml.etree import ElementTree

import numpy as np
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from huggingface_hub import ModelCard

from support.audits import make_audit


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Give a folder with the files of an audit."""
    folder = tmp_path_factory.mktemp("summaries")
    np.save(folder / "logits.npy", make_audit(folder, rows=400).logits)
    return folder


@pytest.fixture
def run(program, folder, monkeypatch):
    """Give a function that runs a command in the folder."""
    monkeypatch.chdir(folder)
    return program


def commands():
    """Give the commands with what they need, and the exit status that they end with."""
    return {
        "validate": (("validate", "defended.onnx", "--reference", "plain.onnx"), 0),
        "attack": (("attack", "defended.onnx", "--data", "bundle.npz", "--quick", "--max-auc", "0.5"), 4),
        "tune": (("tune", "logits.npy", "--data", "bundle.npz", "--trials", "3", "--jobs", "1"), 0),
    }


def test_the_commands_share_a_model_card_and_write_what_validators_take(run, tmp_path):
    card, secret = tmp_path / "README.md", "0" * 32
    card.write_text(f"---\nlicense: mit\n---\n# A model\n{secret}\n")
    for name, (command, status) in commands().items():
        ended = run(*command, "--model-card", card, "--ml-bom", tmp_path / f"{name}.json")
        assert ended.status == status, ended.err
        text = (tmp_path / f"{name}.json").read_text()
        assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
        properties = {one["name"]: one["value"] for one in json.loads(text)["components"][0]["properties"]}
        assert {"validate": "validation:verdict", "attack": "audit:verdict", "tune": "tune:verdict"}[name] in {
            name.removeprefix("dynanoise:") for name in properties
        }
    read = ModelCard.load(card)
    assert read.data.license == "mit"
    assert "auc" in {one.metric_type for one in read.data.eval_results}
    for name in commands():
        assert read.text.count(f"<!-- dynanoise-export {name}: begin -->") == 1
    assert secret in read.text


def test_a_gate_is_a_test_and_a_validation_has_a_page(run, tmp_path):
    (attack, exceeded), (validate, passed) = commands()["attack"], commands()["validate"]
    assert run(*attack, "--junit", tmp_path / "gates.xml").status == exceeded
    suite = ElementTree.parse(tmp_path / "gates.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")
    assert run(*validate, "--html", tmp_path / "page.html").status == passed
    assert (tmp_path / "page.html").stat().st_size


@pytest.mark.parametrize("name", ["validate", "attack", "tune"])
def test_what_can_not_be_written_is_one_sentence_before_the_work(run, tmp_path, name):
    card, (command, _) = tmp_path / "README.md", commands()[name]
    card.write_text("---\nlicense: mit\n")
    for options in (
        ("--model-card", card),
        ("--model-card", tmp_path / "x.md", "--ml-bom", tmp_path / "x.md"),
        ("--ml-bom", tmp_path / "missing" / "bom.json"),
    ):
        ended = run(*command, *options)
        assert ended.status == 2
        assert len(ended.err.strip().splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]
    assert card.read_text() == "---\nlicense: mit\n"
