import json
import signal

import numpy as np
import pytest

from support.audits import make_audit
from support.program import started, until

DECIMALS = 1e-12


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Give a folder with the files of an audit."""
    folder = tmp_path_factory.mktemp("attack")
    made = make_audit(folder, rows=900)
    with np.load(made.bundle) as bundle:
        arrays = dict(bundle)
    np.savez(folder / "unlabelled.npz", x=arrays["x"])
    np.savez(folder / "alike.npz", **(arrays | {"member": np.ones(900, bool)}))
    np.savez(folder / "broken.npz", **(arrays | {"x": arrays["x"] * np.nan}))
    (folder / "defended.txt").write_text("no model")
    (folder / "cut.onnx").write_bytes((folder / "defended.onnx").read_bytes()[:300])
    return folder


@pytest.fixture
def attack(program, folder, monkeypatch):
    """Give a function that attacks the audit's file with further options."""
    monkeypatch.chdir(folder)

    def run(*options, defended="defended.onnx", data="bundle.npz", queries=(1, 4)):
        asked = [word for count in queries for word in ("--queries", count)]
        return program("attack", defended, "--data", data, *asked, *options)

    return run


WHOLE = ("--shadows", "store", "--reference", "plain.onnx")


def test_the_first_line_is_the_answer(attack):
    ended = attack(*WHOLE)
    assert ended.status == 0, ended.err
    first = ended.out.splitlines()[0]
    assert "gets an AUC of" in first
    assert "with the defence" in first
    assert "accuracy" in first


def test_the_document_agrees_with_itself_and_the_page_is_there(attack, tmp_path):
    ended = attack(*WHOLE, "--json", tmp_path / "report.json", "--html", tmp_path / "report.html")
    assert ended.status == 0, ended.err
    document = json.loads((tmp_path / "report.json").read_text())
    assert document["schema"] == "dynanoise-export/attack/1"
    assert document["passed"]
    assert document["data"]["members"] + document["data"]["non_members"] + document["data"]["auxiliary"] == 900
    attacks = document["attacks"]
    assert document["worst"]["auc"] == max(attack["auc"] for attack in attacks)
    assert {attack["queries"] for attack in attacks if attack["adaptive"]} == {1, 4, 16}
    without = {attack["name"]: attack for attack in document["without"] if not attack["labels_only"]}
    lost = document["utility"]["accuracy_plain"] - document["utility"]["accuracy_defended"]
    assert document["utility"]["accuracy_lost"] == pytest.approx(lost)
    for attack_ in attacks:
        low, high = attack_["auc_ci"]
        assert low <= attack_["auc"] <= high
        assert attack_["tpr_at_fpr"].keys() == {"0.01", "0.001", "0.0001"}
        assert attack_["tpr_at_fpr"]["0.0001"] is None  # of so few non-members
        if not attack_["labels_only"]:
            plain = without[attack_["name"]]
            assert attack_["auc_gained"] == pytest.approx(plain["auc"] - attack_["auc"], abs=DECIMALS)
            fall = plain["balanced_accuracy"] - attack_["balanced_accuracy"]
            assert attack_["midput"] == pytest.approx(fall - lost, abs=DECIMALS)
    page = (tmp_path / "report.html").read_text()
    assert document["worst"]["name"] in page
    assert "defended.onnx" in page


def test_a_second_run_takes_the_answers_that_are_kept_beside_the_report(attack, tmp_path):
    def told():
        ended = attack(*WHOLE, "--json", tmp_path / "report.json")
        assert ended.status == 0, ended.err
        return json.loads((tmp_path / "report.json").read_text())["attacks"]

    first = told()
    assert list((tmp_path / "report.observations").iterdir())
    assert first == told()


def test_json_on_standard_output_stands_alone(attack):
    ended = attack(*WHOLE, "--json", "-")
    assert json.loads(ended.out)["schema"] == "dynanoise-export/attack/1"
    assert "gets an AUC of" in ended.err


@pytest.mark.parametrize(
    ("gates", "status"),
    [
        (["--max-auc", 0.55], 4),
        (["--max-auc", 1], 0),
        (["--max-tpr", "0.01@0.05"], 4),
        (["--max-tpr", "1@0.05", "--max-auc", 1], 0),
        (["--max-tpr", "1@0.05", "--max-tpr", "0.05@0.1"], 4),
    ],
)
def test_gates_decide_the_exit_status(attack, tmp_path, gates, status):
    ended = attack(*WHOLE, *gates, "--json", tmp_path / "report.json", queries=(1,))
    assert ended.status == status, ended.err
    assert ("FAILED" in ended.out) == (status == 4)
    assert ended.out.count("FAILED") + ended.out.count("PASSED") == len(gates) / 2
    document = json.loads((tmp_path / "report.json").read_text())
    assert document["passed"] == (status == 0)


def test_parameters_that_are_given_are_those_that_the_attacker_knows(attack, tmp_path):
    def told(*options):
        assert attack(*WHOLE, *options, "--json", tmp_path / "report.json", queries=(1,)).status == 0
        document = json.loads((tmp_path / "report.json").read_text())
        fixed = [a for a in document["attacks"] if a["name"] == "loss below 0.5" and a["adaptive"]]
        return document["subject"]["parameters"]["temperature"], fixed[0]["auc"]

    stated, other = told(), told("--temperature", 1)
    assert (stated[0], other[0]) == (10, 1)
    assert stated[1] > other[1] + 0.01  # at another temperature than the file's the threshold is off


def test_ctrl_c_keeps_what_was_answered_and_says_so(folder, tmp_path):
    arguments = ["attack", folder / "defended.onnx", "--data", folder / "bundle.npz", "--queries", 1_000_000]
    with started("dynanoise-export", *arguments, "--json", tmp_path / "report.json") as running:
        until(lambda: list(tmp_path.glob("report.observations/*.npz")))
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=120)
    assert running.returncode == 130, errors
    assert "goes on with the answers in" in errors
    assert "Traceback" not in errors
    assert [path.name for path in tmp_path.iterdir()] == ["report.observations"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"defended": "missing.onnx"}, "missing.onnx"),
        ({"defended": "defended.txt"}, "not an ONNX model"),
        ({"defended": "cut.onnx"}, "cut.onnx"),
        ({"data": "missing.npz"}, "missing.npz does not exist"),
        ({"data": "unlabelled.npz"}, "no array 'y'"),
        ({"data": "alike.npz"}, "no non-members"),
        ({"data": "broken.npz"}, "no numbers"),
        ({"options": ["--shadows", "missing"]}, "missing is no shadow store"),
        ({"options": ["--reference", "missing.pt"]}, "missing.pt does not exist"),
        ({"options": ["--reference", "defended.onnx"]}, "carries a DynaNoise head already"),
        ({"options": ["--max-auc", 55]}, "--max-auc 55"),
        ({"options": ["--max-auc", "nan"]}, "--max-auc nan"),
        ({"options": ["--max-tpr", "0.01"]}, "TPR@FPR"),
        ({"options": ["--max-tpr", "0.01@0.0001"]}, "non-members, and it takes"),
        ({"options": ["--temperature", 0]}, "temperature"),
        ({"options": ["--html", "missing/report.html"]}, "missing"),
    ],
)
def test_what_can_not_be_used_is_one_sentence_and_leaves_nothing(attack, tmp_path, changed, said):
    options = [*changed.pop("options", []), "--json", tmp_path / "report.json"]
    ended = attack(*options, **changed)
    assert ended.status == 2
    assert len(ended.err.splitlines()) == 1
    assert said in ended.err
    assert not list(tmp_path.iterdir())
