"""Files that are cut short, empty, missing, or in no known format."""

import zipfile
from contextlib import suppress

import numpy as np
import onnx_ir as ir
import pytest
import torch
from safetensors.torch import save_file

from dynanoise_export.errors import FileAccessError, FormatError, UserError
from dynanoise_export.sources.open_source import FORMATS, open_source
from dynanoise_export.sources.source_model import SourceOptions
from dynanoise_export.types import TensorSpec
from dynanoise_models.checkpoints import save_checkpoint
from dynanoise_models.targets import TARGETS
from support.exports import defended, refusal
from support.graphs import parse
from support.modules import Small, seeded

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.*is deprecated:DeprecationWarning")

IMAGES = (TensorSpec("image", "float32", ("batch", 3, 8, 8)),)
SMALL = "support.modules:Small"


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def save_onnx(path):
    model = parse("g (float[N,6] x) => (float[N,6] y) { y = Neg(x) }")
    model.graph.register_initializer(ir.Value(name="w", const_value=ir.tensor(np.ones((99, 9), np.float32), name="w")))
    ir.save(model, path)


WRITERS = {
    "model.ts": lambda path: torch.jit.script(seeded(Small)).save(path),
    "model.pt2": lambda path: torch.export.save(
        torch.export.export(seeded(Small), (torch.randn(2, 3, 8, 8),)), path
    ),
    "checkpoint.pt": lambda path: save_checkpoint(path, "digits-mlp", {}, TARGETS["digits-mlp"].make()),
    "weights.pt": lambda path: torch.save(seeded(Small).state_dict(), path),
    "weights.pth": lambda path: torch.save(
        seeded(Small).state_dict(), path, _use_new_zipfile_serialization=False
    ),
    "weights.safetensors": lambda path: save_file(seeded(Small).state_dict(), path),
    "model.onnx": save_onnx,
}  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("written")
    for name, write in WRITERS.items():
        write(folder / name)
    return {name: (folder / name).read_bytes() for name in WRITERS}


@pytest.mark.parametrize("share", [0, 0.01, 0.3, 0.7, 0.99])
@pytest.mark.parametrize("name", WRITERS)
def test_a_file_that_is_cut_short_is_refused(tmp_path, out, written, name, share):
    (tmp_path / name).write_bytes(written[name][: int(len(written[name]) * share)])
    refusal(tmp_path / name, out, arch=SMALL, inputs=IMAGES)


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_without_its_last_byte_is_refused(tmp_path, out, written, name):
    (tmp_path / name).write_bytes(written[name][:-1])
    refusal(tmp_path / name, out, arch=SMALL, inputs=IMAGES)


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("start", [b"", b"PK\x03\x04", b"\x80\x02", b"\x80\x04\x95", b"\x08\x07\x12"])
def test_random_bytes_are_refused(tmp_path, out, name, start):
    noise = np.random.default_rng(0).integers(0, 256, 4000, dtype=np.uint8).tobytes()
    (tmp_path / name).write_bytes(start + noise)
    refusal(tmp_path / name, out, arch=SMALL, inputs=IMAGES)


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_with_damaged_bytes_is_refused_or_read(tmp_path, written, name):
    """Some can still be read: then a weight is different, which no reader can know."""
    generator = np.random.default_rng(0)
    for _ in range(20):
        content = bytearray(written[name])
        start = int(generator.integers(0, len(content) - 16))
        content[start : start + 16] = generator.bytes(16)
        (tmp_path / name).write_bytes(content)
        with suppress(UserError):
            open_source(tmp_path / name, SourceOptions(SMALL, () if name.startswith("checkpoint") else IMAGES))


@pytest.mark.parametrize("name", [*WRITERS, "model.bin", "model"])
def test_a_missing_file_is_refused(tmp_path, out, name):
    refusal(tmp_path / name, out, FileAccessError, arch=SMALL, inputs=IMAGES)


@pytest.mark.parametrize("name", [*WRITERS, "model.bin", "model"])
def test_an_empty_file_is_refused(tmp_path, out, name):
    (tmp_path / name).touch()
    refusal(tmp_path / name, out, FormatError, arch=SMALL, inputs=IMAGES)


@pytest.mark.parametrize("name", ["model.pt", "model.pt2", "model.zip"])
@pytest.mark.parametrize(
    "member", [None, "readme.txt", "a/version", "a/constants.pkl", "a/data.pkl", "a/archive_format"]
)
def test_a_zip_without_a_model_is_refused(tmp_path, out, name, member):
    with zipfile.ZipFile(tmp_path / name, "w") as archive:
        if member is not None:
            archive.writestr(member, "hello")
    refusal(tmp_path / name, out, arch=SMALL, inputs=IMAGES)


@pytest.mark.parametrize(
    "content", [b"hello, world", b"\x89PNG\r\n\x1a\n", b"{}", b"GGUF\x03\0\0\0", b"\x93NUMPY\x01\0"]
)
def test_a_file_in_no_known_format_is_refused_with_the_known_ones(tmp_path, out, content):
    (tmp_path / "model.bin").write_bytes(content)
    sentence = refusal(tmp_path / "model.bin", out, FormatError)
    assert all(known.title in sentence for _, known in FORMATS.all())


def test_a_format_is_recognised_by_its_content_before_its_name(tmp_path, out, written):
    for name, other in (("model.ts", "model.pth"), ("model.pt2", "model.bin"), ("checkpoint.pt", "model.zip")):
        (tmp_path / other).write_bytes(written[name])
        made = defended(tmp_path / other, out, inputs=IMAGES if name == "model.ts" else ())
        assert made.exported.source.path == tmp_path / other
