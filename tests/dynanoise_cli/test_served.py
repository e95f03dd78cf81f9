"""The commands on a model behind a server that does not state its defence, so that the user gives it."""

import json

import numpy as np
import onnx
import pytest

from dynanoise_export import CheckCode, Outcome
from dynanoise_export.attacks.audit_warnings import WarningCode
from dynanoise_models.experiments import ExperimentOptions
from dynanoise_models.train_target import train_target
from support.kserve import served

DEFENCE = ["--sigma0", 0.5, "--lambda", 2, "--temperature", 10]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Give a folder with a trained model and its rows."""
    made = tmp_path_factory.mktemp("served")
    options = ExperimentOptions(rows=300, epochs=5)
    train_target("digits-mlp", made / "model.pt", made / "rows.npz", options=options)
    return made


@pytest.fixture
def defended(program, folder, tmp_path):
    path = tmp_path / "defended.onnx"
    assert program(folder / "model.pt", "-o", path, *DEFENCE).status == 0
    return path


def validated(program, folder, url, *options):
    data = ["--reference", folder / "model.pt", "--data", folder / "rows.npz", "--json", folder / "validation.json"]
    ended = program("validate", url, *data, *options)
    checks = json.loads((folder / "validation.json").read_text())["checks"]
    return ended, {check["code"]: check["outcome"] for check in checks if not check["passed"]}


def test_a_defended_model_passes_with_a_warning_that_its_graph_is_unseen(program, folder, defended):
    with served(defended) as server:
        ended, unmet = validated(program, folder, server.url, *DEFENCE)
        assert ended.status == 0, ended.out
        assert unmet == {CheckCode.GRAPH_SEEN: Outcome.WARNING}
        assert f"PASSED  {server.url}" in ended.out
        assert validated(program, folder, server.url, *DEFENCE, "--strict")[0].status == 3


def test_other_parameters_than_its_own_fail(program, folder, defended):
    with served(defended) as server:
        ended, unmet = validated(program, folder, server.url, "--sigma0", 0.7)
    assert ended.status == 3
    assert CheckCode.NOISE_VARIANCE in unmet


def test_an_undefended_model_fails(program, folder, defended):
    model = onnx.load(defended)
    defence = next(node for node in model.graph.node if node.op_type == "DynaNoise")
    model.graph.node.append(onnx.helper.make_node("Softmax", [defence.input[0]], list(defence.output), axis=-1))
    model.graph.node.remove(defence)
    onnx.save(model, defended)
    with served(defended) as server:
        ended, unmet = validated(program, folder, server.url, *DEFENCE)
    assert ended.status == 3
    assert CheckCode.NOISE_REPEATED in unmet


def test_an_output_beside_the_answers_fails(program, folder, defended):
    model = onnx.load(defended)
    defence = next(node for node in model.graph.node if node.op_type == "DynaNoise")
    model.graph.output.append(onnx.helper.make_tensor_value_info(defence.input[0], 1, ["batch", 10]))
    onnx.save(model, defended)
    with served(defended) as server:
        ended, unmet = validated(program, folder, server.url, *DEFENCE)
        arguments = ["--data", folder / "rows.npz", *DEFENCE, "--queries", 1, "--json", "-"]
        attacked = program("attack", server.url, *arguments)
    assert ended.status == 3
    assert CheckCode.NO_LEAK in unmet
    warnings = {warning["code"]: warning["text"] for warning in json.loads(attacked.out)["warnings"]}
    assert defence.input[0] in warnings[WarningCode.OUTPUTS_BYPASS_DEFENCE]


def test_attacks_get_as_much_over_a_server_as_from_the_file(program, folder, defended, tmp_path):
    arguments = ["--data", folder / "rows.npz", "--queries", 1, "--json"]
    with served(defended) as server:
        over = program("attack", server.url, *DEFENCE, *arguments, tmp_path / "over.json")
        assert server.requests > 50
    assert over.status == 0, over.err
    assert program("attack", defended, *arguments, tmp_path / "file.json").status == 0
    one, other = (json.loads((tmp_path / name).read_text()) for name in ("over.json", "file.json"))
    assert one["subject"] == other["subject"] | {"path": server.url, "sha256": None, "content_sha256": None}
    assert not list(tmp_path.glob("over.responses/*"))  # the server may have another model next time
    aucs = [{a["code"] + a["attacker"]: a["auc"] for a in report["attacks"]} for report in (one, other)]
    assert aucs[0].keys() == aucs[1].keys()
    assert np.median([abs(aucs[0][name] - aucs[1][name]) for name in aucs[0]]) < 0.05


def test_without_a_defence_there_is_nothing_to_judge_by(program, folder, defended):
    with served(defended) as server:
        ended = program("validate", server.url, "--reference", folder / "model.pt")
    assert ended.status == 2
    assert server.url in ended.err
    assert len(ended.err.splitlines()) == 1


@pytest.mark.parametrize("command", ["validate", "attack"])
@pytest.mark.parametrize("where", ["http://127.0.0.1:1/digits", "grpc://127.0.0.1:1/digits", "http://127.0.0.1:1"])
def test_without_a_server_or_a_model_name_it_is_one_sentence(program, folder, command, where):
    options = ["--reference", folder / "model.pt"] if command == "validate" else ["--data", folder / "rows.npz"]
    ended = program(command, where, *options)
    assert ended.status == 2
    assert len(ended.err.splitlines()) == 1
    assert where in ended.err


@pytest.mark.parametrize("command", ["validate", "attack"])
def test_a_provider_that_is_not_installed_is_refused(program, folder, defended, command):
    options = ["--reference", folder / "model.pt"] if command == "validate" else ["--data", folder / "rows.npz"]
    ended = program(command, defended, *options, "--provider", "cuda")
    assert ended.status == 2
    assert "CUDAExecutionProvider" in ended.err


@pytest.mark.parametrize("command", ["validate", "attack"])
def test_tf32_without_a_gpu_is_refused(program, folder, defended, command):
    options = ["--reference", folder / "model.pt"] if command == "validate" else ["--data", folder / "rows.npz"]
    ended = program(command, defended, *options, "--tf32")
    assert ended.status == 2
    assert len(ended.err.splitlines()) == 1
    assert "TF32" in ended.err
