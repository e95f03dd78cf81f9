import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from dynanoise_export import NoiseSource
from support.modules import seeded


@pytest.fixture
def out(tmp_path):
    """Give a path in a folder of its own, which must stay empty if nothing is to be written."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder / "defended.onnx"


def attributes(path):
    nodes = [node for node in onnx.load(path).graph.node if node.domain == "ai.dynanoise"]
    (defence,) = [node for node in nodes if node.op_type != "RandomNormals"]
    return {a.name: onnx.helper.get_attribute_value(a) for a in defence.attribute}


def test_export_is_the_default_command(program, checkpoint, out):
    ended = program(checkpoint, "--sigma0", 0.55, "-o", out)
    assert ended.status == 0, ended.err
    assert attributes(out) == {
        "classes": 10,
        "sigma0": pytest.approx(0.55),
        "lambda_": pytest.approx(2),
        "temperature": pytest.approx(10),
    }


def test_the_base_variance_is_sigma0_squared(program, checkpoint, out):
    assert program(checkpoint, "--base-variance", 0.25, "--lambda", 1, "--temperature", 3, "-o", out).status == 0
    assert attributes(out)["sigma0"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    "options",
    [
        ["--sigma0", 0.5, "--lambda", 3, "--temperature", 2],
        ["--defence", "dynanoise", "--base-variance", 0.25, "--parameter", "lambda=3", "--temperature", 2],
        ["--parameter", "base_variance=0.25", "--parameter", "lambda=3", "--parameter", "temperature=2"],
    ],
)
def test_parameters_have_two_forms(program, checkpoint, out, options):
    ended = program(checkpoint, "-o", out, *options, "--json", "-")
    document = json.loads(ended.out)
    assert document["defence"] == "dynanoise"
    assert document["subject"]["parameters"] == {"sigma0": 0.5, "lambda": 3, "temperature": 2}


def test_another_defence_is_chosen_by_its_name(program, checkpoint, out):
    ended = program(checkpoint, "-o", out, "--defence", "temperature", "--parameter", "temperature=2", "--json", "-")
    document = json.loads(ended.out)
    assert (document["defence"], document["noise"]) == ("temperature", None)
    assert document["subject"]["parameters"] == {"temperature": 2}
    assert attributes(out) == {"classes": 10, "temperature": 2}


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--defence", "nothing"], "nothing"),
        (["--defence", "temperature", "--sigma0", 1], "sigma0"),
        (["--defence", "temperature", "--noise", "random"], "--noise"),
        (["--defence", "temperature", "--grid", 1], "--grid"),
        (["--parameter", "level=1"], "level"),
        (["--parameter", "sigma0"], "--parameter sigma0"),
        (["--parameter", "sigma0=1", "--sigma0", 1], "--sigma0"),
        (["--parameter", "sigma0=1", "--base-variance", 1], "base_variance"),
    ],
)
def test_a_defence_refuses_what_it_does_not_take(program, checkpoint, out, options, named):
    refused(program(checkpoint, "-o", out, *options), named, out)


def test_the_file_answers_and_its_noise_is_fresh(program, checkpoint, out):
    assert program(checkpoint, "-o", out).status == 0
    session = onnxruntime.InferenceSession(out)
    x = np.zeros((3, 64), np.float32)
    first, second = (session.run(None, {"input": x})[0] for _ in range(2))
    assert first.sum(axis=1) == pytest.approx(np.ones(3), abs=1e-6)
    assert len({row.tobytes() for row in (*first, *second)}) == 6


def test_json_on_standard_output_stands_alone(program, checkpoint, out):
    ended = program(checkpoint, "-o", out, "--json", "-")
    document = json.loads(ended.out)
    assert document["schema"] == "dynanoise-export/export/2"
    assert document["passed"]
    assert document["subject"]["path"] == str(out)
    assert (document["defence"], document["noise"]) == ("dynanoise", "random")
    assert document["subject"]["parameters"] == {"sigma0": pytest.approx(0.3**0.5), "lambda": 2.0, "temperature": 10.0}
    assert document["source"]["path"] == str(checkpoint)
    assert document["inputs"] == [{"name": "input", "dtype": "float32", "shape": ["batch", 64]}]
    assert document["classes"] == 10
    assert "defended.onnx" in ended.err


def test_what_is_dropped_is_named_on_standard_error(program, tmp_path, out):
    class Talkative(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.classify = torch.nn.Linear(4, 8), torch.nn.Linear(8, 3)

        def forward(self, x):
            embedding = self.embed(x)
            return {"logits": self.classify(embedding), "embedding": embedding}

    batch = {0: torch.export.Dim("batch")}
    model = torch.export.export(seeded(Talkative), (torch.zeros(2, 4),), dynamic_shapes={"x": batch})
    torch.export.save(model, tmp_path / "talkative.pt2")
    ended = program(tmp_path / "talkative.pt2", "--logits", "logits", "-o", out)
    assert ended.status == 0, ended.err
    assert "embedding" in ended.err
    assert [output.name for output in onnx.load(out).graph.output] == ["probabilities"]


@pytest.mark.parametrize("noise", [NoiseSource.RANDOM, NoiseSource.INPUT])
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_every_choice_of_the_file_runs(program, checkpoint, out, noise, precision):
    ended = program(checkpoint, "-o", out, "--noise", noise, "--precision", precision, "--inline", "--opset", 17)
    assert ended.status == 0, ended.err
    model = onnx.load(out)
    assert not model.functions
    assert [(i.domain, i.version) for i in model.opset_import] == [("", 17)]
    x = {"input": np.zeros((5, 64), np.float32)}
    if noise is NoiseSource.INPUT:
        x["noise"] = np.zeros((5, 10), np.float32)
    assert onnxruntime.InferenceSession(out).run(None, x)[0].shape == (5, 10)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--sigma0", "-1"], "sigma0"),
        (["--sigma0", "nan"], "sigma0"),
        (["--sigma0", "0"], "sigma0"),
        (["--temperature", "0"], "temperature"),
        (["--lambda", "inf"], "lambda"),
        (["--sigma0", "1", "--base-variance", "1"], "base_variance"),
        (["--base-variance", "-0.1"], "base_variance"),
        (["--logits", "nothing"], "nothing"),
        (["--input", "x"], "--input"),
        (["--example", "missing.npz"], "missing.npz"),
    ],
)
def test_a_bad_choice_is_one_sentence_and_status_2(program, checkpoint, out, arguments, named):
    refused(program(checkpoint, "-o", out, *arguments), named, out)


def test_an_output_equal_to_the_input_is_refused(program, checkpoint):
    before = checkpoint.read_bytes()
    ended = program(checkpoint, "-o", checkpoint)
    assert (ended.status, ended.out) == (2, "")
    assert str(checkpoint) in ended.err
    assert checkpoint.read_bytes() == before


def test_an_output_in_a_missing_folder_is_refused(program, checkpoint, out):
    refused(program(checkpoint, "-o", out.parent / "missing" / "x.onnx"), "missing", out)


def test_an_output_that_is_a_folder_is_refused(program, checkpoint, out):
    out.mkdir()
    ended = program(checkpoint, "-o", out)
    assert ended.status == 2
    assert str(out) in ended.err
    assert not list(out.iterdir())


def test_a_bad_json_path_is_found_before_the_work(program, checkpoint, out):
    refused(program(checkpoint, "-o", out, "--json", out.parent / "missing" / "x.json"), "x.json", out)


def test_a_failed_export_leaves_the_old_file(program, checkpoint, out):
    out.write_bytes(b"old")
    assert program(checkpoint, "-o", out, "--logits", "nothing").status == 2
    assert out.read_bytes() == b"old"


@pytest.mark.parametrize("name", ["missing.pt", "empty.pt", "text.pt", "garbage.onnx"])
def test_a_file_that_is_not_a_model_is_one_sentence(program, tmp_path, out, name):
    content = {"empty.pt": b"", "text.pt": b"not a model", "garbage.onnx": bytes(range(256))}
    if name in content:
        (tmp_path / name).write_bytes(content[name])
    refused(program(tmp_path / name, "-o", out), name, out)


def refused(ended, named, out):
    assert ended.status == 2
    assert ended.out == ""
    assert len(ended.err.splitlines()) == 1
    assert named in ended.err
    assert not list(out.parent.iterdir())


def test_an_opset_whose_random_operator_no_runtime_has_is_refused_for_random_noise_only(program, tmp_path, out):
    # RMSNormalization came with opset 23, so the model can't be given a lower one.
    graph = onnx.parser.parse_model(
        '<ir_version: 11, opset_import: ["" : 23]> g (float[n,3] x) => (float[n,3] z) <float[3] w = {1, 2, 3}> '
        "{ z = RMSNormalization(x, w) }"
    )
    onnx.save(graph, tmp_path / "new.onnx")
    refused(program(tmp_path / "new.onnx", "-o", out), "23", out)
    assert program(tmp_path / "new.onnx", "-o", out, "--noise", "input").status == 0


@pytest.fixture
def one_score(tmp_path):
    """Give an ONNX file with one score, a sigmoid."""
    text = (
        '<ir_version: 8, opset_import: ["" : 17]> g (float[N,3] x) => (float[N,1] y) <float[3,1] w = {1,2,3}> '
        "{ z = MatMul(x, w)\n y = Sigmoid(z) }"
    )
    onnx.save(onnx.parser.parse_model(text), tmp_path / "plain.onnx")
    return tmp_path / "plain.onnx"


def test_two_classes_are_made_of_one_score_if_the_user_says_so(program, one_score, out):
    refused = program(one_score, "-o", out)
    assert refused.status == 2
    assert "--binary" in refused.err
    assert not out.exists()
    document = json.loads(program(one_score, "-o", out, "--binary", "--json", "-").out)
    assert (document["classes"], document["binary"], document["floor"]) == (2, True, None)


def test_the_floor_is_stated_and_can_be_chosen(program, one_score, out):
    options = ["--binary", "--treat-as", "probabilities"]
    document = json.loads(program(one_score, "-o", out, *options, "--json", "-").out)
    assert (document["floor"], document["treated_as"]) == (0.005, "probabilities")
    document = json.loads(program(one_score, "-o", out, *options, "--floor", 0.001, "--json", "-").out)
    assert document["floor"] == 0.001
    assert program(one_score, "-o", out, *options, "--floor", 0.5).status == 2


def test_a_guard_takes_a_bundle_or_a_range(program, checkpoint, out, tmp_path):
    report = tmp_path / "report.json"
    assert program(checkpoint, "-o", out, "--guard", "box", "--guard-data", "-1:2", "--json", report).status == 0
    guard = json.loads(report.read_text())["guard"]
    assert guard["kind"] == "box"
    assert list(guard["bounds"].values()) == [{"low": -1.0, "high": 2.0}]


def test_a_guard_takes_parameters_and_no_report_shows_its_offsets(program, checkpoint, out, tmp_path):
    report = tmp_path / "report.json"
    options = ["--guard", "sphere", "--guard-data", "0:1", "--guard-parameter", "sigma=0.2"]
    options += ["--guard-parameter", "copies=4", "--defence", "label-only", "--json", report]
    assert program(checkpoint, "-o", out, *options).status == 0
    (bounds,) = json.loads(report.read_text())["guard"]["bounds"].values()
    assert set(bounds) == {"low", "high", "sigma"}
    assert bounds["sigma"] == pytest.approx(0.2)


@pytest.mark.parametrize(
    "options",
    [["--guard", "box"], ["--guard-data", "0:1"], ["--guard-parameter", "copies=9"],
     ["--guard", "sphere", "--guard-data", "0:1", "--guard-parameter", "copies"],
     ["--guard", "sphere", "--guard-parameter", "copies=9"], ["--guard", "binary", "--guard-parameter", "copies=9"],
     ["--guard", "box", "--guard-data", "2:1"],
     ["--guard", "binary", "--guard-data", "0:1"], ["--guard", "image", "--guard-data", "missing.npz"]],
)  # fmt: skip
def test_a_guard_without_what_it_needs_is_refused(program, checkpoint, out, options):
    assert program(checkpoint, "-o", out, *options).status == 2
    assert not out.exists()
