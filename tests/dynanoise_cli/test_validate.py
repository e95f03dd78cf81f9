import json
from xml.etree import ElementTree

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from dynanoise_export import CheckCode, Outcome
from dynanoise_export.sources.open_source import open_source
from dynanoise_models.experiments import ExperimentOptions
from dynanoise_models.train_target import train_target


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Give a folder with a trained model and its rows."""
    made = tmp_path_factory.mktemp("validate")
    options = ExperimentOptions(rows=800, epochs=5)
    train_target("digits-mlp", made / "model.pt", made / "rows.npz", options=options)
    x = np.load(made / "rows.npz")["x"]
    np.savez(made / "broken.npz", x=x[:, :10])
    np.savez(made / "empty.npz", x=x[:0])
    return made


@pytest.fixture
def defended(program, folder, tmp_path):
    """Give a function that exports the model with further options."""

    def export(*options):
        path = tmp_path / "defended.onnx"
        assert program(folder / "model.pt", "-o", path, *options).status == 0
        return path

    return export


@pytest.mark.parametrize(
    "options", [[], ["--inline"], ["--noise", "input"], ["--noise", "input", "--inline"], ["--opset", "15"]]
)
def test_every_kind_of_export_passes_on_real_rows(program, folder, defended, options):
    file = defended("--lambda", 5, "--temperature", 3, *options)
    ended = program("validate", file, "--reference", folder / "model.pt", "--data", folder / "rows.npz")
    assert ended.status == 0, ended.out
    assert ended.out.startswith("PASSED")
    assert ended.out.splitlines()[1].startswith(f"reference: {folder / 'model.pt'}")


def test_a_defence_without_noise_passes_and_its_audit_does_not_apply(program, folder, defended):
    file = defended("--defence", "temperature", "--temperature", 4)
    reference = ["--reference", folder / "model.pt", "--data", folder / "rows.npz"]
    ended = program("validate", file, *reference, "--json", "-")
    document = json.loads(ended.out)
    assert ended.status == 0, ended.err
    assert (document["defence"], document["subject"]["parameters"]) == ("temperature", {"temperature": 4})
    outcomes = {check["code"]: check["outcome"] for check in document["checks"]}
    assert outcomes[CheckCode.NOISE_AUDIT] == Outcome.NOT_APPLICABLE
    assert outcomes[CheckCode.DEFENCE_PARITY] == Outcome.PASSED
    assert program("validate", file, *reference, "--temperature", 5).status == 3
    assert program("validate", file, *reference, "--defence", "dynanoise").status == 3


def test_a_float16_model_passes_with_a_tolerance_for_it_and_fails_without(program, folder, defended):
    file = defended("--precision", "fp16")
    arguments = ["validate", file, "--reference", folder / "model.pt", "--data", folder / "rows.npz"]
    assert program(*arguments).status == 3
    assert program(*arguments, "--atol", 0.2).status == 0


def test_without_data_the_rows_are_made_up(program, folder, defended):
    ended = program("validate", defended(), "--reference", folder / "model.pt", "--json", "-")
    assert ended.status == 0, ended.out
    document = json.loads(ended.out)
    assert document["rows"] == 512
    assert "--data" in document["data"]


def test_the_documents_agree_with_each_other_and_with_the_status(program, folder, defended, tmp_path):
    reports = ["--json", tmp_path / "x.json", "--junit", tmp_path / "x.xml"]
    arguments = ["validate", defended(), "--reference", folder / "model.pt", "--data", folder / "rows.npz", *reports]
    assert program(*arguments, "--sigma0", 0.9).status == 3
    document = json.loads((tmp_path / "x.json").read_text())
    assert document["schema"] == "dynanoise-export/validate/2"
    assert not document["passed"]
    failed = {check["code"] for check in document["checks"] if check["outcome"] == Outcome.FAILED}
    assert failed >= {CheckCode.DEFENCE_PARITY, CheckCode.STATED_PARAMETERS, CheckCode.NOISE_VARIANCE}
    assert document["subject"]["parameters"]["sigma0"] == 0.9
    suite = ElementTree.parse(tmp_path / "x.xml").getroot().find("testsuite")
    assert {case.get("name") for case in suite if case.find("failure") is not None} == failed
    assert int(suite.get("failures")) == len(failed)
    assert int(suite.get("tests")) == len(document["checks"])


def test_strict_makes_warnings_fail(program, folder, defended):
    arguments = ["validate", defended(), "--reference", folder / "model.pt", "--data", folder / "rows.npz"]
    assert program(*arguments).status == 0
    assert program(*arguments, "--strict").status == 3


def test_the_undefended_onnx_file_serves_as_a_reference(program, folder, defended, tmp_path):
    file = defended()
    ir.save(open_source(folder / "model.pt").to_onnx(17), tmp_path / "plain.onnx")
    ended = program("validate", file, "--reference", tmp_path / "plain.onnx", "--data", folder / "rows.npz")
    assert ended.status == 0, ended.out


def test_another_model_is_not_the_reference(program, folder, defended, checkpoint):
    ended = program("validate", defended(), "--reference", checkpoint, "--data", folder / "rows.npz", "--json", "-")
    assert ended.status == 3
    assert CheckCode.MODEL_PARITY in failed_checks(ended)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--data", "broken.npz"], "[256, 10]"),
        (["--data", "empty.npz"], "empty.npz"),
        (["--data", "missing.npz"], "missing.npz"),
        (["--reference", "missing.pt"], "missing.pt"),
        (["--defence", "nothing"], "nothing"),
        (["--parameter", "level=1"], "level"),
        (["--sigma0", "nan"], "sigma0"),
        (["--junit", "missing/x.xml"], "x.xml"),
    ],
)
def test_what_can_t_be_used_is_one_sentence(program, folder, defended, monkeypatch, arguments, named):
    file = defended()
    monkeypatch.chdir(folder)
    ended = program("validate", file, "--reference", "model.pt", *arguments)
    assert ended.status == 2
    assert len(ended.err.splitlines()) == 1
    assert named in ended.err


def test_an_undefended_file_needs_a_defence_to_be_judged_by(program, folder, tmp_path):
    ir.save(open_source(folder / "model.pt").to_onnx(17), tmp_path / "plain.onnx")
    arguments = ["validate", tmp_path / "plain.onnx", "--reference", folder / "model.pt", "--data", folder / "rows.npz"]
    ended = program(*arguments)
    assert ended.status == 2
    assert str(tmp_path / "plain.onnx") in ended.err
    # Given one, the file fails: its answers are logits without noise.
    assert program(*arguments, "--sigma0", 0.5).status == 3


def test_another_number_of_classes_and_dead_noise_fail_without_a_traceback(program, folder, tmp_path):
    model = onnx.parser.parse_model(
        '<ir_version: 10, opset_import: ["" : 18]> g (float[n,64] input) => (float[n,9] p) <int64[1] e = {9}, '
        "int64[1] s = {0}, int64[1] a = {1}> { z = Slice(input, s, e, a) p = Softmax <axis = 1> (z) }"
    )
    onnx.save(model, tmp_path / "nine.onnx")
    arguments = ["--reference", folder / "model.pt", "--data", folder / "rows.npz", "--sigma0", 0.5, "--json", "-"]
    ended = program("validate", tmp_path / "nine.onnx", *arguments)
    assert ended.status == 3
    assert any("[800, 9]" in check["detail"] for check in json.loads(ended.out)["checks"])


def test_fed_noise_on_a_fixed_batch_fails_without_a_traceback(program, folder, defended):
    file = defended("--noise", "input")
    model = onnx.load(file)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    onnx.save(model, file)
    arguments = ["--reference", folder / "model.pt", "--data", folder / "rows.npz", "--json", "-"]
    ended = program("validate", file, *arguments)
    assert ended.status == 3
    assert CheckCode.BATCH_AXIS in failed_checks(ended)


def failed_checks(ended):
    return {check["code"] for check in json.loads(ended.out)["checks"] if not check["passed"]}
