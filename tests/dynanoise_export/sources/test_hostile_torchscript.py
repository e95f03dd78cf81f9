"""TorchScript files with code that reads or writes files, which TorchScript can do."""

import re
import zipfile
from contextlib import suppress

import pytest
import torch

from dynanoise_export.errors import UntrustedCodeError, UserError
from dynanoise_export.sources.open_source import open_source
from dynanoise_export.sources.source_model import SourceOptions
from dynanoise_export.types import TensorSpec
from support.exports import refusal
from support.hostile import rewritten
from support.modules import FixedBatch, seeded

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.*is deprecated:DeprecationWarning")

INPUTS = (TensorSpec("x", "float32", (4, 6)),)
CODE = re.compile(rb"(def forward\(self: [^)]*\) -> Tensor:\n)")

WAYS = {
    "a function": '    torch.save(x, "FILE")\n',
    "a function, oddly spaced": '    torch . save (x, "FILE")\n',
    "a function across lines": '    torch.\\\n    save(x, "FILE")\n',
    "an operator": '    ops.aten.save(x, "FILE")\n',
    "another name": '    f = torch.save\n    f(x, "FILE")\n',
}


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    path = tmp_path_factory.mktemp("honest") / "model.pt"
    with pytest.warns(DeprecationWarning, match="is deprecated"):
        torch.jit.script(seeded(FixedBatch)).save(path)
    return path


def source(path, name):
    with zipfile.ZipFile(path) as archive:
        return archive.read(f"model/{name}")


def code_record(path):
    """Find the record of the module's code: PyTorch renames a class that it has seen before in this process."""
    with zipfile.ZipFile(path) as archive:
        (name,) = (n for n in archive.namelist() if "/__torch__/support/" in n and n.endswith(".py"))
    return name.removeprefix("model/")


def writing(honest, out, payload, lines):
    evil = lines.replace("FILE", str(payload)).encode()

    def change(source):
        changed, count = CODE.subn(lambda found: found[1] + evil, source)
        assert count == 1
        return changed

    return rewritten(honest, out, {code_record(honest): change})


@pytest.mark.parametrize("lines", WAYS.values(), ids=WAYS)
def test_code_that_writes_a_file_is_refused_and_not_run(tmp_path, honest, lines):
    (folder := tmp_path / "out").mkdir()
    payload = tmp_path / "payload"
    hostile = writing(honest, tmp_path / "hostile.pt", payload, lines)
    assert "save" in refusal(hostile, folder, UntrustedCodeError, inputs=INPUTS)
    assert not payload.exists()


@pytest.mark.parametrize("lines", WAYS.values(), ids=WAYS)
def test_code_that_writes_a_file_is_run_if_the_user_trusts_it(tmp_path, honest, lines):
    payload = tmp_path / "payload"
    hostile = writing(honest, tmp_path / "hostile.pt", payload, lines)
    open_source(hostile, SourceOptions(inputs=INPUTS, allow_pickle=True))
    assert payload.exists()  # so the other tests would notice it


def test_code_that_reads_a_file_is_refused(tmp_path, honest):
    (folder := tmp_path / "out").mkdir()
    secret = tmp_path / "secret"
    secret.write_bytes(b"0123456789abcdef" * 6)
    lines = '    y = torch.from_file("FILE", None, 24)\n'
    hostile = writing(honest, tmp_path / "hostile.pt", secret, lines)
    assert "from_file" in refusal(hostile, folder, UntrustedCodeError, inputs=INPUTS)


@pytest.mark.parametrize("first", [True, False])
def test_the_record_that_pytorch_reads_is_checked_if_two_have_the_same_name(tmp_path, honest, first):
    payload, name = tmp_path / "payload", code_record(honest)
    hostile = writing(honest, tmp_path / "hostile.pt", payload, WAYS["a function"])
    # PyTorch's reader ignores the case of names.
    twice = rewritten(
        hostile if first else honest,
        tmp_path / "twice.pt",
        added={name.replace("modules", "MODULES"): source(honest if first else hostile, name)},
    )
    with suppress(UserError):
        open_source(twice, SourceOptions(inputs=INPUTS))
    assert not payload.exists()
