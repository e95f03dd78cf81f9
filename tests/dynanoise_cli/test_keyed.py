"""Keyed noise and kept labels, from the command line."""

import json
import re
import stat

import numpy as np
import onnx
import onnxruntime
import pytest

from dynanoise_export import CheckCode
from dynanoise_export.graph.draws import DrawKind

# The model is untrained and its answers are all alike: on a coarser grid, all rows would share their noise.
FLAT = ("--grid", 0.02)


@pytest.fixture
def out(tmp_path):
    """Give a path in a folder of its own, which must stay empty if nothing is to be written."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder / "defended.onnx"


@pytest.fixture
def keyed(program, checkpoint, out):
    """Give a defended file with keyed noise and kept labels, and its key beside it."""
    ended = program(checkpoint, "-o", out, "--noise", "keyed", *FLAT, "--keep-label", "--sigma0", 5)
    assert ended.status == 0, ended.err
    return out


def answers_of(path, x):
    session = onnxruntime.InferenceSession(path)
    return session.run(None, {session.get_inputs()[0].name: x})[0]


def rows(count=200):
    return np.random.default_rng(0).uniform(0, 16, (count, 64)).astype(np.float32)


def test_a_key_is_made_beside_the_file_and_only_its_owner_can_read_it(keyed):
    key = keyed.with_name("defended.onnx.key")
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert re.fullmatch(r"[0-9a-f]{64}\n", key.read_text())
    assert sorted(path.name for path in keyed.parent.iterdir()) == ["defended.onnx", "defended.onnx.key"]


def test_the_key_is_in_nothing_that_is_written_or_printed(program, checkpoint, out):
    ended = program(checkpoint, "-o", out, "--noise", "keyed", "--json", "-")
    secret = out.with_name("defended.onnx.key").read_text().strip()
    inspected = program("inspect", out, "--json", "-")
    for text in (ended.out, ended.err, inspected.out, inspected.err):
        assert secret not in text
    held = out.read_bytes()
    assert secret.encode() not in held
    assert bytes.fromhex(secret) not in held
    fingerprint = json.loads(ended.out)["key"]
    assert re.fullmatch("[0-9a-f]{16}", fingerprint)
    assert fingerprint not in secret
    assert json.loads(inspected.out)["provenance"]["key"] == fingerprint


def test_the_same_key_gives_the_same_noise_and_another_key_another(program, checkpoint, keyed, tmp_path):
    again, other = tmp_path / "again.onnx", tmp_path / "other.onnx"
    arguments = ("--noise", "keyed", *FLAT, "--keep-label", "--sigma0", 5)
    key = keyed.with_name("defended.onnx.key")
    before = key.read_text()
    assert program(checkpoint, "-o", again, *arguments, "--key-file", key).status == 0
    assert program(checkpoint, "-o", other, *arguments).status == 0
    assert key.read_text() == before
    np.testing.assert_array_equal(answers_of(keyed, rows()), answers_of(again, rows()))
    assert np.abs(answers_of(keyed, rows()) - answers_of(other, rows())).max(axis=1).min() > 1e-4


def test_labels_are_those_of_the_undefended_model(program, checkpoint, keyed, tmp_path):
    plain = tmp_path / "plain.onnx"
    # At a temperature of 1, and with too little noise to change a label, the answers are the undefended model's.
    assert program(checkpoint, "-o", plain, "--sigma0", 1e-6, "--lambda", 0, "--temperature", 1).status == 0
    x = rows(2000)
    undefended, defended = answers_of(plain, x), answers_of(keyed, x)
    np.testing.assert_array_equal(undefended.argmax(axis=1), defended.argmax(axis=1))
    assert np.abs(undefended - defended).max() > 0.1


def test_validate_takes_the_key_beside_the_file(program, checkpoint, keyed):
    ended = program("validate", keyed, "--reference", checkpoint, "--json", "-")
    assert ended.status == 0, ended.err
    codes = {check["code"] for check in json.loads(ended.out)["checks"]}
    assert codes >= {
        CheckCode.KEYED_NOISE,
        CheckCode.KEPT_LABELS,
        CheckCode.ANSWERS_REPEAT_BETWEEN_PROCESSES,
        CheckCode.NOISE_OF_NEIGHBOURING_CELLS,
    }


@pytest.mark.parametrize(
    "spoil",
    [
        lambda key: key.unlink(),
        lambda key: key.write_text("00" * 32 + "\n"),
        lambda key: key.write_text("secret\n"),
        lambda key: key.write_bytes(b"\xff\xfe" * 20),
        lambda key: key.chmod(0o644),
    ],
    ids=["missing", "another", "short", "binary", "readable by others"],
)
def test_validate_without_the_right_key_is_one_sentence(program, checkpoint, keyed, spoil):
    key = keyed.with_name("defended.onnx.key")
    spoil(key)
    ended = program("validate", keyed, "--reference", checkpoint)
    assert ended.status == 2
    assert str(key) in ended.err
    assert len(ended.err.strip().splitlines()) == 1


def test_a_key_for_a_file_without_keyed_noise_is_refused(program, checkpoint, out, tmp_path):
    assert program(checkpoint, "-o", out).status == 0
    key = tmp_path / "a.key"
    key.write_text("00" * 32)
    key.chmod(0o600)
    ended = program("validate", out, "--reference", checkpoint, "--key-file", key)
    assert ended.status == 2
    assert str(key) in ended.err
    assert len(ended.err.strip().splitlines()) == 1


@pytest.mark.parametrize("options", [("--key-file", "a.key"), ("--grid", 1), ("--noise", "input", "--grid", 1)])
def test_options_of_keyed_noise_are_refused_with_other_noise(program, checkpoint, out, options):
    ended = program(checkpoint, "-o", out, *options)
    assert ended.status == 2
    assert "--noise keyed" in ended.err
    assert list(out.parent.iterdir()) == []


@pytest.mark.parametrize("grid", [0, -1, "nan", 1e9])
def test_a_grid_out_of_bounds_is_refused(program, checkpoint, out, grid):
    ended = program(checkpoint, "-o", out, "--noise", "keyed", "--grid", grid)
    assert ended.status == 2
    assert "grid" in ended.err
    assert list(out.parent.iterdir()) == []


def test_an_export_that_fails_leaves_no_key(program, tmp_path, out):
    broken = tmp_path / "broken.pt"
    broken.write_bytes(b"nothing")
    assert program(broken, "-o", out, "--noise", "keyed").status == 2
    assert list(out.parent.iterdir()) == []


def test_a_key_that_can_not_be_written_leaves_no_file(program, checkpoint, out):
    ended = program(checkpoint, "-o", out, "--noise", "keyed", "--key-file", out.parent / "missing" / "a.key")
    assert ended.status == 2
    assert "a.key" in ended.err
    assert list(out.parent.iterdir()) == []


def test_inspect_shows_the_key_the_kept_label_and_the_keyed_draw(program, keyed):
    document = json.loads(program("inspect", keyed, "--json", "-").out)
    stated = document["provenance"]
    assert (stated["noise"], stated["grids"], stated["keep_label"]) == ("keyed", [0.02], True)
    (draw,) = document["leaks"]["draws"]
    assert (draw["kind"], draw["seeded"], draw["live"]) == (DrawKind.KEYED, False, True)
    rows = dict(line.split(maxsplit=1) for line in program("inspect", keyed).out.splitlines() if line[0] != " ")
    assert f"key {stated['key']}" in rows["noise"]
    assert "label" in rows


def test_a_flattened_file_is_validated_alike(program, checkpoint, keyed, tmp_path):
    flat = tmp_path / "flat.onnx"
    key = keyed.with_name("defended.onnx.key")
    arguments = ("--noise", "keyed", *FLAT, "--keep-label", "--sigma0", 5, "--key-file", key, "--inline")
    assert program(checkpoint, "-o", flat, *arguments).status == 0
    assert {node.domain for node in onnx.load(flat).graph.node} == {""}
    np.testing.assert_allclose(answers_of(keyed, rows()), answers_of(flat, rows()), atol=1e-6)
    ended = program("validate", flat, "--reference", checkpoint, "--key-file", key)
    assert ended.status == 0, ended.out


def test_validate_finds_a_grid_that_is_too_coarse_for_the_model(program, checkpoint, out):
    assert program(checkpoint, "-o", out, "--noise", "keyed", "--grid", 5).status == 0
    ended = program("validate", out, "--reference", checkpoint, "--json", "-")
    assert ended.status == 3
    checks = {check["code"]: check for check in json.loads(ended.out)["checks"]}
    assert checks[CheckCode.KEYED_NOISE]["passed"]
    assert checks[CheckCode.NOISE_SHARED]["value"] > 0.9
    assert "--grid" in checks[CheckCode.NOISE_VARIANCE]["detail"]


@pytest.mark.parametrize("classes", [2, 3])
def test_export_warns_of_keyed_noise_for_two_classes(program, tmp_path, out, classes):
    weights = ", ".join(map(str, range(3 * classes)))
    body = f"<float[3,{classes}] w = {{{weights}}}> {{ y = MatMul(x, w) }}"
    text = f'<ir_version: 8, opset_import: ["": 17]> g (float[N,3] x) => (float[N,{classes}] y) {body}'
    onnx.save(onnx.parser.parse_model(text), tmp_path / "linear.onnx")
    ended = program(tmp_path / "linear.onnx", "-o", out, "--noise", "keyed")
    assert ended.status == 0, ended.err
    assert ("docs/keyed-noise.md" in ended.out) is (classes == 2)


def test_two_grids_share_the_variance(program, checkpoint, out):
    assert program(checkpoint, "-o", out, "--noise", "keyed", "--grid", 0.01, "--grid", 0.015).status == 0
    ended = program("validate", out, "--reference", checkpoint, "--json", "-")
    assert ended.status == 0, ended.out
