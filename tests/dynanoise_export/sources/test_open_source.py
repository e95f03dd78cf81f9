"""How the format of a file is recognised, and formats that other distributions add."""

import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

from dynanoise_export.errors import FormatError
from dynanoise_export.sources.open_source import FORMATS, SourceFormat, open_source
from dynanoise_export.sources.source_model import SourceOptions
from support.exports import assert_algorithm_1, defended, floats, refusal
from support.graphs import parse

NEGATIVE = "g (float[N,6] x) => (float[N,6] y) { y = Neg(x) }"


def open_link(path, options):
    """Open a file that holds the path of an ONNX file."""
    inner = json.loads(path.read_text())["model"]
    return replace(open_source(Path(inner), options), path=path, format="a link")


LINK = SourceFormat(lambda path: path.read_bytes().startswith(b'{"model"'), open_link, "a link (.link)")


@pytest.fixture
def model(tmp_path):
    ir.save(parse(NEGATIVE), tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


@pytest.mark.parametrize("name", ["model.link", "model.onnx.pt", "link.onnx"])
def test_a_registered_format_comes_before_the_built_in_ones(tmp_path, model, name):
    (folder := tmp_path / "out").mkdir()
    (path := tmp_path / name).write_text(json.dumps({"model": str(model)}))
    refusal(path, folder, FormatError)
    with FORMATS.registered("link", LINK):
        made = defended(path, tmp_path)
        assert (made.exported.source.path, made.exported.source.format) == (path, "a link")
        assert_algorithm_1(made, lambda inputs: -inputs["x"], floats(x=(6,)))
        assert LINK.title in refusal_of_text(tmp_path)
    refusal(path, folder, FormatError)


def refusal_of_text(folder):
    (folder / "model.txt").write_text("hello")
    with pytest.raises(FormatError) as refused:
        open_source(folder / "model.txt")
    return str(refused.value)


def test_a_registered_format_leaves_other_files_to_the_built_in_ones(model):
    with FORMATS.registered("link", LINK):
        assert open_source(model).format == "an ONNX file"


def test_the_options_reach_the_format(tmp_path, model):
    given = []

    def open_recorded(path, options):
        given.append(options)
        return open_link(path, options)

    (path := tmp_path / "model.link").write_text(json.dumps({"model": str(model)}))
    with FORMATS.registered("link", replace(LINK, open=open_recorded)):
        open_source(path, SourceOptions(logits="y"))
        open_source(path)
    assert given == [SourceOptions(logits="y"), SourceOptions()]


def recognised(path):
    return [name for name, known in FORMATS.all() if known.recognises(path)]


@pytest.mark.parametrize(
    ("members", "name"),
    [
        (["a/data.pkl"], "torch-save"),
        (["a/data.pkl", "a/constants.pkl"], "torchscript"),
        (["a/archive_format", "a/models/model.json"], "torch-export"),
        (["serialized_exported_program.json"], "torch-export"),
        (["a/readme.txt"], None),
    ],
)
def test_an_archive_is_recognised_by_its_members(tmp_path, members, name):
    with zipfile.ZipFile(tmp_path / "model.bin", "w") as archive:
        for member in members:
            archive.writestr(member, "content")
    found = recognised(tmp_path / "model.bin")
    assert (found[-1] if found else None) == name


def test_every_format_rejects_bytes_that_mean_nothing(tmp_path):
    generator = np.random.default_rng(0)
    for start in (b"", b"PK", b"PK\x03\x04", b"PK\x05\x06"):
        (tmp_path / "model.bin").write_bytes(start + generator.bytes(1000))
        assert recognised(tmp_path / "model.bin") == []


def test_formats_are_recognised_without_heavy_packages(tmp_path):
    with zipfile.ZipFile(tmp_path / "model.pt", "w") as archive:
        archive.writestr("a/data.pkl", "content")
    script = """
import sys
from pathlib import Path
from dynanoise_export.sources.open_source import FORMATS
for path in map(Path, sys.argv[1:]):
    for name, known in FORMATS.all():
        if path.is_file() or name == "hugging-face":
            known.recognises(path)
assert not {"torch", "transformers", "onnxruntime", "safetensors"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", script, tmp_path / "model.pt", tmp_path], check=True)
