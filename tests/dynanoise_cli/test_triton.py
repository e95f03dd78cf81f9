import json
import shutil

import numpy as np
import onnx
import pytest

from dynanoise_export import NoiseSource, TensorSpec
from support.exports import session_of
from support.program import imported
from support.random_draws import draw_of
from support.triton_models import defended, model_of_four_rows, plan

DEAD = (7,)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, checkpoint):
    """Give a folder with a file of each noise source, and plans."""
    made = tmp_path_factory.mktemp("triton")
    for noise in NoiseSource:
        defended(checkpoint, made / f"{noise}.onnx", noise)
    keyed = made / "keyed.onnx"
    plan(keyed, made / "keyed.plan")
    plan(keyed, made / "rtx.plan", backend="tensorrt-rtx")
    plan(keyed, made / "dead.plan", constant_seeds=DEAD)
    plan(keyed, made / "other.plan", plan_sha256="0" * 64)
    plan(made / "input.onnx", made / "input.plan", noise_input=TensorSpec("noise", "float32", ("batch", 10)))
    plan(made / "random.onnx", made / "random.plan")
    (made / "bare.plan").write_bytes(b"a plan")
    (made / "cut.onnx").write_bytes(keyed.read_bytes()[:1000])
    (made / "short.txt").write_text("zero\none\n")
    (made / "bytes.txt").write_bytes(b"\xff\xfe\x00")
    return made


def files_of(model):
    return sorted(str(path.relative_to(model)) for path in model.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("file", "options", "files"),
    [
        ("keyed.onnx", [], ["1/model.onnx", "README.md", "config.pbtxt"]),
        ("input.onnx", [], ["1/model.onnx", "1/model.py", "1/system_normals.py", "README.md", "config.pbtxt"]),
        ("keyed.plan", ["--max-batch", 8], ["1/model.plan", "README.md", "config.pbtxt"]),
    ],
)
def test_the_model_gets_a_folder_of_its_own(program, folder, tmp_path, file, options, files):
    ended = program("triton", folder / file, "--repository", tmp_path / "a" / "models", *options)
    assert ended.status == 0, ended.err
    model = tmp_path / "a" / "models" / file.split(".")[0]
    assert files_of(model) == files
    name = next(name for name in files if name.startswith("1/model.") and not name.endswith(".py"))
    assert (model / name).read_bytes() == (folder / file).read_bytes()
    for secret in folder.glob("*.key"):
        assert all(secret.read_bytes().strip() not in path.read_bytes() for path in model.rglob("*") if path.is_file())


def test_it_says_what_the_backend_does_to_the_noise(program, folder, tmp_path):
    arguments = ["--repository", tmp_path, "--backend", "onnxruntime", "--json", tmp_path / "x.json"]
    shown = " ".join(program("triton", folder / "random.onnx", *arguments).out.split())
    advice = json.loads((tmp_path / "x.json").read_text())["advice"]
    assert advice
    for sentence in advice:
        assert sentence in shown
        assert sentence in (tmp_path / "random" / "README.md").read_text()


def test_the_document_describes_the_model(program, folder, tmp_path):
    arguments = ["--repository", tmp_path, "--instances", 2, "--name", "shop.v1", "--json", "-"]
    ended = program("triton", folder / "keyed.onnx", *arguments)
    document = json.loads(ended.out)
    assert document["schema"] == "dynanoise-export/triton/2"
    assert (document["name"], document["backend"], document["instances"]) == ("shop.v1", "onnxruntime", 2)
    assert (document["defence"], document["noise"], document["passed"]) == ("dynanoise", "keyed", True)
    assert document["subject"]["parameters"]["sigma0"] == 0.5
    assert document["folder"] == str(tmp_path / "shop.v1")
    assert document["advice"]
    assert "shop.v1" in ended.err


def test_labels_come_from_the_user_s_file(program, folder, tmp_path):
    names = [f"Ziffer „{digit}“" for digit in range(10)]
    (tmp_path / "names.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    arguments = ["--repository", tmp_path / "models", "--labels", tmp_path / "names.txt"]
    assert program("triton", folder / "keyed.onnx", *arguments).status == 0
    assert (tmp_path / "models" / "keyed" / "labels.txt").read_text(encoding="utf-8").splitlines() == names


def test_weights_beside_the_file_are_copied(program, folder, tmp_path):
    repository, source = tmp_path / "models", tmp_path / "source"
    source.mkdir()
    onnx.save(onnx.load(folder / "keyed.onnx"), source / "big.onnx", save_as_external_data=True, location="w.bin")
    assert program("triton", source / "big.onnx", "--repository", repository, "--backend", "python").status == 0
    shutil.rmtree(source)
    x = np.random.default_rng(0).random((5, 64), dtype=np.float32)
    answers = [
        session_of(path).run(None, {"input": x})[0]
        for path in (repository / "big" / "1" / "model.onnx", folder / "keyed.onnx")
    ]
    np.testing.assert_array_equal(*answers)


@pytest.mark.parametrize(
    ("file", "options", "named"),
    [
        ("input.onnx", ["--backend", "onnxruntime"], "--backend python"),
        ("input.plan", [], "--backend python"),
        ("random.onnx", ["--instances", 2], "--instances 1"),
        ("random.plan", ["--instances", 2], "--instances 1"),
        ("rtx.plan", [], "tensorrt-rtx"),
        ("dead.plan", [], "dead.plan"),
        ("other.plan", [], "other.plan.json"),
        ("bare.plan", [], "bare.plan.json"),
        ("missing.plan", [], "missing.plan"),
        ("missing.onnx", [], "missing.onnx"),
        ("cut.onnx", [], "cut.onnx"),
        ("keyed.plan", ["--max-batch", 257], "--max-batch 256"),
        ("keyed.plan", ["--backend", "python"], "--backend python"),
        ("keyed.onnx", ["--backend", "tensorrt"], "--backend tensorrt"),
        ("keyed.onnx", ["--name", "../up"], "../up"),
        ("keyed.onnx", ["--name", ".hidden"], ".hidden"),
        ("keyed.onnx", ["--labels", "short.txt"], "short.txt"),
        ("keyed.onnx", ["--labels", "bytes.txt"], "bytes.txt"),
        ("keyed.onnx", ["--labels", "missing.txt"], "missing.txt"),
        ("keyed.onnx", ["--json", "missing/x.json"], "x.json"),
    ],
)
def test_what_can_t_be_served_is_one_sentence_and_nothing_is_written(
    program, folder, tmp_path, monkeypatch, file, options, named
):
    monkeypatch.chdir(folder)
    ended = program("triton", file, "--repository", tmp_path / "models", *options)
    assert ended.status == 2
    assert len(ended.err.splitlines()) == 1
    assert named in ended.err
    assert not list(tmp_path.rglob("*.*"))


def test_a_fixed_batch_can_t_be_chosen(program, tmp_path):
    ended = program("triton", model_of_four_rows(tmp_path), "--repository", tmp_path / "models", "--max-batch", 8)
    assert ended.status == 2
    assert "--max-batch" in ended.err


def test_what_is_not_defended_is_refused(program, folder, tmp_path):
    plain = onnx.parser.parse_model(
        '<ir_version: 10, opset_import: ["" : 18]> g (float[n,3] x) => (float[n,3] z) { z = Softmax <axis = 1> (x) }'
    )
    onnx.save(plain, tmp_path / "plain.onnx")
    leaking = onnx.load(folder / "keyed.onnx")
    logits = next(node for node in leaking.graph.node if node.op_type == "DynaNoise").input[0]
    leaking.graph.output.append(onnx.helper.make_tensor_value_info(logits, onnx.TensorProto.FLOAT, ["batch", 10]))
    onnx.save(leaking, tmp_path / "leaking.onnx")
    seeded = onnx.load(folder / "random.onnx")
    draw_of(seeded).attribute.append(onnx.helper.make_attribute("seed", 1.0))
    onnx.save(seeded, tmp_path / "seeded.onnx")
    lying = onnx.load(folder / "random.onnx")
    next(entry for entry in lying.metadata_props if entry.key == "dynanoise.noise").value = "keyed"
    onnx.save(lying, tmp_path / "lying.onnx")
    for name in ("plain", "leaking", "seeded", "lying"):
        ended = program("triton", tmp_path / f"{name}.onnx", "--repository", tmp_path / "models")
        assert (ended.status, len(ended.err.splitlines())) == (2, 1)
        assert f"{name}.onnx" in ended.err
        assert not (tmp_path / "models").exists()


def test_an_existing_model_is_not_replaced(program, folder, tmp_path):
    (tmp_path / "keyed").mkdir()
    (tmp_path / "keyed" / "own.txt").write_text("mine")
    ended = program("triton", folder / "keyed.onnx", "--repository", tmp_path)
    assert ended.status == 2
    assert str(tmp_path / "keyed") in ended.err
    assert files_of(tmp_path) == ["keyed/own.txt"]


def test_a_repository_that_is_a_file_is_one_sentence(program, folder, tmp_path):
    (tmp_path / "file").write_text("")
    for repository in (tmp_path / "file", tmp_path / "file" / "models"):
        ended = program("triton", folder / "keyed.onnx", "--repository", repository)
        assert (ended.status, len(ended.err.splitlines())) == (2, 1)
        assert str(repository) in ended.err


def test_help_imports_nothing_heavy():
    written, heavy = imported(
        "dynanoise_cli.app", ["triton", "--help"], ["torch", "onnx", "onnxruntime", "tritonclient"]
    )
    assert "--repository" in written
    assert heavy == []
