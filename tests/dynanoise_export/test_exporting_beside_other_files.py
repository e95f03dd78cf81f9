"""Export never reads its own files as weights, and never writes one file over another."""

import os
import stat

import onnx
import pytest

from dynanoise_export import inspect
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.deployed.open_deployed import open_deployed
from dynanoise_export.deployment.triton.repository import write_triton_repository
from dynanoise_export.errors import FileAccessError, UntrustedCodeError, UsageError, UserError
from dynanoise_export.exporting import export
from dynanoise_export.noise.keyed.key import new_key
from dynanoise_export.reports.export_document import export_document

posix = pytest.mark.skipif(os.name != "posix", reason="other systems have other files")


def written(folder, location=None, content=b""):
    """Write a model whose bias is a byte for each byte of `content`, stored at `location`; or stored inside."""
    proto = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 17]> g (float[N,3] x) => (float[N,3] z) '
        "<float[3,3] w = {1,2,3,4,5,6,7,8,9}> { y = MatMul(x, w) f = Cast<to=1>(b) m = ReduceMean<keepdims=0>(f) "
        "zero = Sub(m, m) z = Add(y, zero) }"
    )
    bias = proto.graph.initializer.add(name="b", data_type=onnx.TensorProto.UINT8, dims=[len(content) or 3])
    if location is None:
        bias.raw_data = bytes(3)
    else:
        bias.data_location = onnx.TensorProto.EXTERNAL
        bias.external_data.add(key="location", value=location)
    (folder / "model.onnx").write_bytes(proto.SerializeToString())
    return folder / "model.onnx"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "inside").mkdir()
    return tmp_path / "inside"


def existing_key(path):
    path.write_text(new_key().secret.hex() + "\n")
    path.chmod(0o600)
    return path


def names(folder):
    return sorted(path.name for path in folder.rglob("*"))


@pytest.mark.parametrize("name", ["kept.onnx.key", "secret", "weights.bin"])
def test_a_key_is_not_exported_as_a_weight(folder, name):
    key = existing_key(folder / name)
    model = written(folder, name, key.read_bytes())
    for given in (key, folder / "other.key"):
        with pytest.raises(UntrustedCodeError):
            export(model, folder / "kept.onnx", noise="keyed", key_file=given)
    for read in (inspect, open_deployed):
        with pytest.raises(UntrustedCodeError):
            read(model)
    assert names(folder) == sorted(["model.onnx", name])


def test_a_name_of_the_model_s_data_that_does_not_exist_can_not_become_the_key(folder):
    model = written(folder, "later.bin", bytes(65))
    with pytest.raises(FileAccessError):
        export(model, folder / "kept.onnx", noise="keyed", key_file=folder / "later.bin")
    assert names(folder) == ["model.onnx"]


def test_the_data_files_are_listed(folder):
    (folder / "w.bin").write_bytes(bytes(range(128, 228)))
    made = export(written(folder, "w.bin", bytes(100)), folder / "kept.onnx")
    assert export_document(made)["source"]["data_files"] == [str(folder / "w.bin")]
    (folder / "other").mkdir()
    assert export_document(export(written(folder / "other"), folder / "other.onnx"))["source"]["data_files"] == []


@pytest.mark.parametrize("what", ["the output", "its weights", "the model", "a link", "a hard link"])
def test_the_key_is_no_other_file_of_the_call(folder, what):
    model = written(folder)
    out = folder / "kept.onnx"
    key = {"the output": out, "its weights": folder / "kept.onnx.data", "the model": model}.get(what, folder / "link")
    if what == "a link":
        key.symlink_to(out)
    if what == "a hard link":
        out.write_bytes(b"old")
        os.link(out, key)
    before = names(folder)
    with pytest.raises(UsageError):
        export(model, out, noise="keyed", key_file=key)
    assert names(folder) == before


@pytest.mark.parametrize("through", ["kept.onnx", "sub/../kept.onnx", "link/kept.onnx"])
def test_a_key_that_exists_is_not_replaced_by_the_output(folder, through):
    (folder / "sub").mkdir()
    (folder / "link").symlink_to(folder)
    key = existing_key(folder / "kept.onnx")
    content = key.read_bytes()
    with pytest.raises(UsageError):
        export(written(folder), folder / through, noise="keyed", key_file=key)
    assert key.read_bytes() == content


def test_the_output_does_not_replace_the_model_s_weights(folder):
    (folder / "w.bin").write_bytes(bytes(range(128, 228)))
    model = written(folder, "w.bin", bytes(100))
    (folder / "link.bin").symlink_to("w.bin")
    os.link(folder / "w.bin", folder / "hard.bin")
    for output in ("w.bin", "hard.bin", "link.bin"):
        with pytest.raises(UsageError):
            export(model, folder / output)
    assert (folder / "w.bin").read_bytes() == bytes(range(128, 228))


@posix
def test_files_with_the_tables_of_a_key_are_their_owner_s(folder):
    (folder / "w.bin").write_bytes(bytes(128 + i % 100 for i in range(1000)))
    model = written(folder, "w.bin", bytes(1000))
    export(model, folder / "keyed.onnx", noise="keyed", defence=DynaNoise())
    export(model, folder / "random.onnx")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert {modes[name] for name in ("keyed.onnx", "keyed.onnx.data", "keyed.onnx.key")} == {0o600}
    assert modes["random.onnx"] != 0o600
    pytest.importorskip("tritonclient")
    made = write_triton_repository(folder / "keyed.onnx", repository=folder / "models", name="keyed")
    held = list(made.folder.rglob("model.onnx*"))
    assert len(held) == 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in held} == {0o600}


@posix
@pytest.mark.parametrize("noise", ["random", "keyed"])
def test_what_is_not_a_file_is_not_replaced(folder, noise):
    model = written(folder)
    os.mkfifo(folder / "pipe")
    (folder / "null").symlink_to("/dev/null")
    (folder / "blocked.onnx.data").mkdir()
    for output in (folder / "pipe", folder / "null", folder / "blocked.onnx", folder):
        with pytest.raises(UserError):
            export(model, output, noise=noise)
    assert names(folder) == ["blocked.onnx.data", "model.onnx", "null", "pipe"]


@posix
def test_what_is_not_a_file_is_no_key(folder):
    os.mkfifo(folder / "pipe")
    for key in (folder / "pipe", folder, "/dev/zero", "/dev/null", folder / ("n" * 300), folder / "a\0b"):
        with pytest.raises(FileAccessError):
            export(written(folder), folder / "kept.onnx", noise="keyed", key_file=key)
    assert names(folder) == ["model.onnx", "pipe"]


@pytest.mark.parametrize("name", ["n" * 300, "a\0b", ".", "", "/", ".."])
def test_impossible_names_of_the_output_are_refused(folder, name):
    with pytest.raises(UserError):
        export(written(folder), folder / name if name != "/" else name)
    assert names(folder) == ["model.onnx"]


def test_a_link_as_output_is_replaced_and_its_target_stays(folder):
    (folder / "target").write_bytes(b"old")
    (folder / "kept.onnx").symlink_to("target")
    export(written(folder), folder / "kept.onnx")
    assert not (folder / "kept.onnx").is_symlink()
    assert (folder / "target").read_bytes() == b"old"
