import csv
import json
import signal

import numpy as np
import pytest

from dynanoise_export.attacks.audit_warnings import WarningCode
from dynanoise_export.attacks.methods.attack import Requirement
from dynanoise_export.attacks.results import ThresholdOrigin
from support.audits import make_audit
from support.blob_audits import make_blob_audit
from support.program import LIMIT, started, until

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
    np.savez(folder / "shifted.npz", **(arrays | {"y": (arrays["y"] + 1) % 5}))
    (folder / "defended.txt").write_text("not a model")
    (folder / "cut.onnx").write_bytes((folder / "defended.onnx").read_bytes()[:300])
    return folder


@pytest.fixture(scope="module")
def points(tmp_path_factory):
    """Give the files of an audit whose shadow models can be asked."""
    return make_blob_audit(tmp_path_factory.mktemp("points") / "made", rows=300)


@pytest.fixture
def attack(program, folder, monkeypatch):
    """Give a function that attacks the audit's file with further options."""
    monkeypatch.chdir(folder)

    def run(*options, defended="defended.onnx", data="bundle.npz", queries=(1, 4), budget=("--budget", 4)):
        counts = [word for count in queries for word in ("--queries", count)]
        return program("attack", defended, "--data", data, *counts, *budget, *options)

    return run


WHOLE = ("--shadows", "store", "--reference", "plain.onnx")


def test_the_first_line_is_the_answer_and_the_rows_at_risk_are_written(attack, folder, tmp_path):
    ended = attack(*WHOLE, "--json", tmp_path / "report.json", "--rows", tmp_path / "rows.csv")
    assert ended.status == 0, ended.err
    document = json.loads((tmp_path / "report.json").read_text())
    worst, utility = document["worst"], document["utility"]
    first, *others = ended.out.splitlines()
    assert f"AUC of {worst['auc']:.3f}" in first
    assert all(text in first for text in (f"with {worst['queries']} quer", "domain of the rows", worst["attacker"]))
    (compared,) = [line for line in others[:4] if f"{worst['auc_without']:.3f}" in line]
    assert f"{utility['accuracy_plain']:.3f}" in compared
    with (tmp_path / "rows.csv").open() as file:
        rows = list(csv.DictReader(file))
    with np.load(folder / "bundle.npz") as bundle:
        assert len(rows) == (bundle["split"] != "auxiliary").sum()
    assert rows[0]["rank"] == "1"
    assert [int(row["row"]) for row in rows[:10]] == [one["row"] for one in document["most_exposed"]]
    assert f"\n{rows[0]['row']} " in ended.out.partition("most exposed")[2]


def test_the_document_agrees_with_itself_and_the_page_is_there(attack, tmp_path):
    ended = attack(*WHOLE, "--json", tmp_path / "report.json", "--html", tmp_path / "report.html")
    assert ended.status == 0, ended.err
    document = json.loads((tmp_path / "report.json").read_text())
    assert document["schema"] == "dynanoise-export/attack/2"
    assert document["passed"] is None  # without a gate there is no verdict
    assert document["gates"] == []
    assert document["data"]["members"] + document["data"]["non_members"] + document["data"]["auxiliary"] == 900
    assert (document["defence"], document["noise"], document["keep_label"]) == ("dynanoise", "random", False)
    attacks = document["attacks"]
    assert document["worst"]["auc"] == max(attack["auc"] for attack in attacks)
    assert {attack["queries"] for attack in attacks if attack["adaptive"] and not attack["plan"]} == {1, 4}
    without = {attack["code"]: attack for attack in document["without"]}
    lost = document["utility"]["accuracy_plain"] - document["utility"]["accuracy_defended"]
    assert document["utility"]["accuracy_lost"] == pytest.approx(lost)
    for attack_ in attacks:
        low, high = attack_["auc_ci"]
        assert low <= attack_["auc"] <= high
        assert attack_["tpr_at_fpr"].keys() == {"0.01", "0.001", "0.0001"}
        assert attack_["tpr_at_fpr"]["0.0001"] is None  # there are too few non-members
        assert attack_["threshold"] in list(ThresholdOrigin)
        if not attack_["plan"]:
            plain = without[attack_["code"]]
            assert attack_["auc_gained"] == pytest.approx(plain["auc"] - attack_["auc"], abs=DECIMALS)
            fall = plain["balanced_accuracy"] - attack_["balanced_accuracy"]
            assert attack_["midput"] == pytest.approx(fall - lost, abs=DECIMALS)
    page = (tmp_path / "report.html").read_text()
    assert document["worst"]["name"] in page
    assert "defended.onnx" in page


def test_a_second_run_uses_the_answers_cached_beside_the_report(attack, tmp_path):
    def run():
        ended = attack(*WHOLE, "--json", tmp_path / "report.json")
        assert ended.status == 0, ended.err
        return json.loads((tmp_path / "report.json").read_text())["attacks"]

    first = run()
    assert list((tmp_path / "report.responses").iterdir())
    assert first == run()


def test_without_shadow_models_the_skipped_attacks_are_listed(attack):
    def run(*options):
        ended = attack(*options, "--json", "-", queries=(1,))
        assert ended.status == 0, ended.err
        return json.loads(ended.out)

    whole, without = run(*WHOLE), run(*WHOLE[2:])
    (auxiliary,) = [one for one in whole["skipped"] if one["code"] != "fusion"]  # the store keeps no models to ask
    assert (auxiliary["requirement"], auxiliary["given"]) == (Requirement.AUXILIARY_ROWS, 90)
    assert without["shadows"] is None
    missing = {result["code"] for result in whole["attacks"]} - {result["code"] for result in without["attacks"]}
    own = [one for one in without["skipped"] if one != auxiliary and one["code"] != "fusion"]
    assert missing == {one["code"] for one in own}
    assert all(one["requirement"] == Requirement.SHADOW_MODELS and one["needed"] > one["given"] == 0 for one in own)
    assert WarningCode.NO_SHADOW_MODELS in {warning["code"] for warning in without["warnings"]}


def test_json_on_standard_output_stands_alone(attack):
    ended = attack(*WHOLE, "--json", "-")
    document = json.loads(ended.out)
    assert document["schema"] == "dynanoise-export/attack/2"
    assert document["worst"]["attacker"] in ended.err


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
    assert ended.out.startswith(("FAILED", "PASSED"))
    assert ended.out.count("FAILED") + ended.out.count("PASSED") == len(gates) / 2
    document = json.loads((tmp_path / "report.json").read_text())
    assert document["passed"] == (status == 0) == (not document["gates_exceeded"])
    assert len(document["gates_exceeded"]) + len(document["gates_held"]) == len(gates) / 2
    for gate in document["gates"]:
        assert gate["distance"] == pytest.approx(gate["limit"] - gate["high"])
        assert gate["margin"] > 0
    against = document["against"]
    assert (against["shadow_models"], against["skipped"]) == (8, ["quantile-regression", "fusion"])
    assert f"{against['attacks']} attacks" in ended.out
    assert f"{against['attackers']} attackers" in ended.out


def test_budget_domain_and_sample_are_kept_to_and_stated(program, points, monkeypatch, tmp_path):
    monkeypatch.chdir(points.plain.parent)
    given = ("attack", "kept.onnx", "--data", "bundle.npz", "--shadows", "store", "--json", tmp_path / "report.json")

    def run(*options):
        ended = program(*given, *options)
        assert ended.status == 0, ended.err
        return json.loads((tmp_path / "report.json").read_text()), ended.out

    document, text = run("--budget", 2, "--domain", "box", "--sample", 100, "--max-auc", 1)
    assert (document["budget"], document["domain"], document["allowed_domain"]) == (2, "box", "box")
    assert [one["budget"] for one in document["budgets"]] == [1, 2]
    assert {one["domain"] for one in document["attacks"]} == {"box"}
    assert max(one["queries"] for one in document["attacks"]) <= 2
    assert document["data"]["members"] + document["data"]["non_members"] == pytest.approx(100, abs=1)
    assert "2 queries for each row" in text.splitlines()[0]
    asked = {one["code"] for one in document["attacks"] if one["plan"]}
    assert "lira-online-fixed" in asked  # the shadow models were asked the same
    for one in document["most_exposed"]:
        assert one["label"] == points.y[one["row"]]
        assert points.split[one["row"]] == "member"
    quick, _ = run("--quick", "--sample", 100)
    assert quick["budget"] == quick["against"]["queries"] == 1


def test_an_attacker_knows_the_given_parameters(attack, tmp_path):
    def run(*options):
        assert attack(*WHOLE, *options, "--json", tmp_path / "report.json", queries=(1,)).status == 0
        document = json.loads((tmp_path / "report.json").read_text())
        fixed = [a for a in document["attacks"] if a["code"] == "fixed-loss" and a["adaptive"]]
        return document["subject"]["parameters"]["temperature"], fixed[0]["auc"]

    stated, other = run(), run("--temperature", 1)
    assert (stated[0], other[0]) == (10, 1)
    assert stated[1] > other[1] + 0.01  # at another temperature than the file's the threshold is off


def test_ctrl_c_keeps_the_answers_and_names_their_folder(folder, tmp_path):
    arguments = ["attack", folder / "defended.onnx", "--data", folder / "bundle.npz", "--budget", 4096]
    with started("dynanoise-export", *arguments, "--json", tmp_path / "report.json") as running:
        until(lambda: list(tmp_path.glob("report.responses/*.answers")), running)
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=LIMIT)
    assert running.returncode == 130, errors
    assert str(tmp_path / "report.responses") in errors
    assert "Traceback" not in errors
    assert [path.name for path in tmp_path.iterdir()] == ["report.responses"]


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"defended": "missing.onnx"}, "missing.onnx"),
        ({"defended": "defended.txt"}, "defended.txt"),
        ({"defended": "cut.onnx"}, "cut.onnx"),
        ({"data": "missing.npz"}, "missing.npz"),
        ({"data": "unlabelled.npz"}, "unlabelled.npz"),
        ({"data": "alike.npz"}, "alike.npz"),
        ({"data": "broken.npz"}, "broken.npz"),
        ({"options": ["--shadows", "missing"]}, "missing"),
        ({"options": ["--reference", "missing.pt"]}, "missing.pt"),
        ({"options": ["--reference", "defended.onnx"]}, "defended.onnx"),
        ({"options": ["--defence", "nothing"]}, "nothing"),
        ({"options": ["--max-auc", 55]}, "--max-auc 55"),
        ({"options": ["--max-auc", "nan"]}, "--max-auc nan"),
        ({"options": ["--max-tpr", "0.01"]}, "--max-tpr 0.01"),
        ({"options": ["--max-tpr", "0.01@0.0001"]}, "--max-tpr"),
        ({"options": ["--temperature", 0]}, "temperature"),
        ({"options": ["--html", "missing/report.html"]}, "missing"),
        ({"options": ["--rows", "rows.xlsx"]}, "rows.xlsx"),
        ({"options": ["--quick"]}, "--quick"),
        ({"budget": ["--budget", 0]}, "--budget 0"),
        ({"budget": ["--budget", 10**6]}, f"--budget {10**6}"),
        ({"budget": ["--budget", 2]}, "--queries 4"),
        ({"budget": ["--quick"]}, "--queries 4"),
        ({"options": ["--domain", "sphere"]}, "sphere"),
        ({"options": ["--domain", "image"]}, "bundle.npz"),
        ({"options": ["--also", "nothing"]}, "nothing"),
        ({"options": ["--sample", 3]}, "--sample 3"),
        ({"options": ["--require-shadows"]}, "--shadows"),
        ({"data": "shifted.npz"}, "--force"),
    ],
)
def test_what_can_t_be_used_is_one_sentence_and_leaves_nothing(attack, tmp_path, changed, named):
    options = [*changed.pop("options", []), "--json", tmp_path / "report.json"]
    ended = attack(*options, **changed)
    assert ended.status == 2
    assert len(ended.err.splitlines()) == 1
    assert named in ended.err
    assert not list(tmp_path.iterdir())
