"""TorchScript files with code that does more than compute, in all the forms that PyTorch loads."""

import json
import re
import struct
import subprocess
import sys
import time
import zipfile

import pytest
import torch

from dynanoise_export.errors import UnsupportedModelError, UntrustedCodeError
from dynanoise_export.runtimes.failed_run import FailedRunError
from dynanoise_export.sources.confined import confined_module
from dynanoise_export.sources.open_source import open_source
from dynanoise_export.sources.source_model import SourceOptions
from dynanoise_export.types import TensorSpec
from support.exports import defended, refusal
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
    "a name in a text": '    getattr(torch, "save")(x, "FILE")\n',
    "a name in a function": '    f = torch\n    f.save(x, "FILE")\n',
}
ODD_WAYS = {
    "a method": '    x.save("FILE")\n',
    "a name in two texts": '    getattr(torch, "sa" "ve")(x, "FILE")\n',
    "a name with an escape": '    getattr(torch, "\\163ave")(x, "FILE")\n',
    "a name in another quotation": "    getattr(torch, 'save')(x, \"FILE\")\n",
    "a name in brackets": '    getattr(torch, ("save"))(x, "FILE")\n',
    "another namespace": "    y = ops.inductor._reinterpret_tensor(x, [9, 9], [1, 1], 99999999)\n",
    "the namespaces under another name": "    f = ops\n",
    "storage": "    y = x.set_(x)\n",
    "another size": "    y = x.resize_([99])\n",
    "a task": "    y = fork(torch.relu, x)\n",
    "a class of PyTorch": "    y = __torch__.torch.classes.other.Other\n",
    "the prefix as a variable": "    __torch__ = x\n",
    "another alphabet": "    t\u00f6rch = x\n",
    "a comment on types": "    y = x # type: save\n",
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


def writing(honest, out, payload, lines, **more):
    evil = lines.replace("FILE", str(payload)).encode()

    def change(source):
        changed, count = CODE.subn(lambda found: found[1] + evil, source)
        assert count == 1
        return changed

    return rewritten(honest, out, {code_record(honest): change}, **more)


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.mark.parametrize("lines", WAYS.values(), ids=WAYS)
def test_code_that_writes_a_file_is_refused_and_not_run(tmp_path, out, honest, lines):
    payload = tmp_path / "payload"
    hostile = writing(honest, tmp_path / "hostile.pt", payload, lines)
    assert "save" in refusal(hostile, out, UntrustedCodeError, inputs=INPUTS)
    assert not payload.exists()


@pytest.mark.parametrize("lines", WAYS.values(), ids=WAYS)
def test_code_that_writes_a_file_is_run_if_the_user_trusts_it(tmp_path, honest, lines):
    payload = tmp_path / "payload"
    hostile = writing(honest, tmp_path / "hostile.pt", payload, lines)
    open_source(hostile, SourceOptions(inputs=INPUTS, allow_pickle=True))
    assert payload.exists()  # so the other tests would notice it


@pytest.mark.parametrize("lines", ODD_WAYS.values(), ids=ODD_WAYS)
def test_code_in_forms_that_pytorch_does_not_write_is_refused(tmp_path, out, honest, lines):
    payload = tmp_path / "payload"
    refusal(writing(honest, tmp_path / "hostile.pt", payload, lines), out, UntrustedCodeError, inputs=INPUTS)
    assert not payload.exists()


def test_code_that_reads_a_file_is_refused(tmp_path, out, honest):
    secret = tmp_path / "secret"
    secret.write_bytes(b"0123456789abcdef" * 6)
    lines = '    y = torch.from_file("FILE", None, 24)\n'
    hostile = writing(honest, tmp_path / "hostile.pt", secret, lines)
    assert "from_file" in refusal(hostile, out, UntrustedCodeError, inputs=INPUTS)


def added_method(text):
    def change(source):
        return source.replace(b"  def forward(", text.encode() + b"  def forward(", 1)

    return change


METHODS = {
    "a state": '  def __setstate__(self: SELF, x: Tensor) -> NoneType:\n    torch.save(x, "FILE")\n    return None\n',
    "an empty state": "  def __setstate__(self: SELF, state: Tensor) -> NoneType:\n    return None\n",
    "a method": '  def other(self: SELF, x: Tensor) -> Tensor:\n    torch.save(x, "FILE")\n    return x\n',
    "a default": '  def other(self: SELF, x: Tensor=torch.save(torch.ones([1]), "FILE")) -> Tensor:\n    return x\n',
}


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_code_of_other_methods_is_refused(tmp_path, out, honest, method):
    payload, record = tmp_path / "payload", code_record(honest)
    itself = re.search(rb"self: ([\w.]+)", source(honest, record))[1].decode()
    text = method.replace("SELF", itself).replace("FILE", str(payload))
    hostile = rewritten(honest, tmp_path / "hostile.pt", {record: added_method(text)})
    refusal(hostile, out, UntrustedCodeError, inputs=INPUTS)
    assert not payload.exists()


@pytest.mark.parametrize("place", ["class", "interface", "function"])
def test_code_of_other_types_and_functions_is_refused(tmp_path, out, honest, place):
    payload = tmp_path / "payload"
    text = {
        "class": 'class Other:\n  def go(self, x: Tensor) -> Tensor:\n    torch.save(x, "FILE")\n    return x\n',
        "interface": 'class Other(Interface):\n  def save(self, x: Tensor=torch.save("FILE")) -> Tensor:\n    pass\n',
        "function": 'def other(x: Tensor) -> Tensor:\n  torch.save(x, "FILE")\n  return x\n',
    }[place].replace("FILE", str(payload))
    hostile = rewritten(honest, tmp_path / "hostile.pt", added={"code/__torch__/other.py": text.encode()})
    refusal(hostile, out, UntrustedCodeError, inputs=INPUTS)
    assert not payload.exists()


def names_in_capitals(path):
    with zipfile.ZipFile(path) as archive:
        names = [name.partition("/")[2] for name in archive.namelist()]
    return {name: name.replace("code/", "Code/") for name in names}


RENAMED = {
    "capitals": lambda path: names_in_capitals(path),
    "another suffix": lambda path: {code_record(path): code_record(path).replace(".py", ".PY")},
    "an unknown member": lambda path: {"version": "model.json"},
    "a folder above": lambda path: {"version": "../version"},
    "a double slash": lambda path: {code_record(path): code_record(path).replace("code/", "code//")},
}


@pytest.mark.parametrize("renamed", RENAMED.values(), ids=RENAMED)
def test_members_by_other_names_are_refused(tmp_path, out, honest, renamed):
    payload = tmp_path / "payload"
    hostile = writing(honest, tmp_path / "hostile.pt", payload, WAYS["a function"], renamed=renamed(honest))
    refusal(hostile, out, UntrustedCodeError, inputs=INPUTS)
    assert not payload.exists()


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("fold", [True, False])
@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_two_members_of_one_name_are_refused(tmp_path, out, honest, first, fold):
    payload, name = tmp_path / "payload", code_record(honest)
    hostile = writing(honest, tmp_path / "hostile.pt", payload, WAYS["a function"])
    second = name.replace("support", "SUPPORT") if fold else name  # PyTorch's reader ignores the case of names
    twice = rewritten(
        hostile if first else honest,
        tmp_path / "twice.pt",
        added={second: source(honest if first else hostile, name)},
    )
    refusal(twice, out, UntrustedCodeError, inputs=INPUTS)
    assert not payload.exists()


def flatbuffer(content):
    """Begin like a mobile module, whose loader PyTorch chooses by bytes 4 to 8, and like a zip archive."""
    return b"PK\x03\x04PTMF" + bytes(200) + content


def two_archives(content):
    return content + content


def in_a_comment(content):
    return content[:-2] + struct.pack("<H", len(content)) + content


def a_byte_more(content):
    return content + b"\0"


def other_size_in_the_header(content):
    changed = bytearray(content)
    changed[22:26] = struct.pack("<L", 1)
    return bytes(changed)


def other_name_in_the_header(content):
    changed = bytearray(content)
    changed[30] ^= 1
    return bytes(changed)


@pytest.mark.parametrize(
    "change",
    [flatbuffer, two_archives, in_a_comment, a_byte_more, other_size_in_the_header, other_name_in_the_header],
)
def test_an_archive_that_readers_may_differ_about_is_refused(tmp_path, out, honest, change):
    plain = rewritten(honest, tmp_path / "plain.pt")  # without the padding that PyTorch writes
    (tmp_path / "hostile.pt").write_bytes(change(plain.read_bytes()))
    refusal(tmp_path / "hostile.pt", out, inputs=INPUTS)


def test_the_oldest_form_is_refused(tmp_path, out, honest):
    hostile = rewritten(honest, tmp_path / "hostile.pt", added={"model.json": json.dumps({"mainModule": {}}).encode()})
    refusal(hostile, out, UntrustedCodeError, inputs=INPUTS)


def test_code_that_inflates_to_too_much_is_refused(tmp_path, out, honest):
    with (
        zipfile.ZipFile(tmp_path / "hostile.pt", "w", zipfile.ZIP_DEFLATED) as copy,
        zipfile.ZipFile(honest) as archive,
    ):
        for name in archive.namelist():
            copy.writestr(name, archive.read(name))
        copy.writestr("model/code/__torch__/other.py", b" " * (65 << 20))
    refusal(tmp_path / "hostile.pt", out, UntrustedCodeError, inputs=INPUTS)


class Talking(torch.nn.Module):
    """Prints on every run."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(6, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        print("forged")
        return self.linear(x)


class Endless(torch.nn.Module):
    """Never answers."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        count = 0
        while count >= 0:
            count = (count + 1) % 7
        return x


class Hungry(torch.nn.Module):
    """Wants more memory than there is."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        held = [x]
        for _ in range(1 << 30):
            held.append(torch.ones([x.size(0) << 25]))
        return held[-1]


TABLE = (TensorSpec("x", "float32", ("batch", 6)),)


def scripted(make, path):
    torch.jit.script(seeded(make)).save(path)
    return path


def one_sentence(out, error):
    assert len(str(error.value).splitlines()) == 1
    assert not list(out.iterdir())


@pytest.mark.confined
def test_what_a_module_prints_is_not_seen(tmp_path):
    path = scripted(Talking, tmp_path / "model.pt")
    given = [str(path), "--input", "x:batch,6", "-o", str(tmp_path / "out.onnx"), "--json", "-"]
    done = subprocess.run(
        [sys.executable, "-P", "-c", "from dynanoise_cli.app import main; main()", *given],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert "forged" not in done.stdout + done.stderr
    assert json.loads(done.stdout)["subject"]


@pytest.mark.confined
def test_a_module_that_never_answers_is_stopped(tmp_path, out, monkeypatch):
    monkeypatch.setattr(confined_module, "RUNNING_SECONDS", -6)  # and 8 for the rows
    before = time.monotonic()
    with pytest.raises(UnsupportedModelError, match=r"model\.pt") as error:
        defended(scripted(Endless, tmp_path / "model.pt"), out, inputs=TABLE)
    assert time.monotonic() - before < 60
    one_sentence(out, error)


@pytest.mark.confined
def test_a_module_that_takes_all_memory_is_stopped(tmp_path, out, monkeypatch):
    monkeypatch.setattr(confined_module, "MEMORY", 3 << 29)
    with pytest.raises((FailedRunError, UnsupportedModelError), match=r"model\.pt") as error:
        defended(scripted(Hungry, tmp_path / "model.pt"), out, inputs=TABLE)
    one_sentence(out, error)


def pickled(honest, out, change):
    """Save the module again with its pickle changed in text."""

    def changed(content):
        after = change(content)
        assert after != content
        return after

    return rewritten(honest, out, {"data.pkl": changed})


PICKLES = {
    "a class of PyTorch": lambda content: content.replace(b"c__torch__.", b"c__torch__.torch.classes.quantized.", 1),
    "a class of Python": lambda content: content.replace(b"ctorch._utils\n_rebuild_tensor_v2", b"cos\nsystem", 1),
    "a storage that is smaller": lambda content: content.replace(b"K\x18", b"K\x7f", 1),
    "a tensor beyond its storage": lambda content: content.replace(b"(K\x04K\x06t", b"(K\x04K\x7ft", 1),
    "a stride beyond its storage": lambda content: content.replace(b"(K\x06K\x01t", b"(K\x7fK\x01t", 1),
    "no pickle": lambda content: content[:-1],
}


@pytest.mark.parametrize("change", PICKLES.values(), ids=PICKLES)
def test_values_that_are_not_what_pytorch_writes_are_refused(tmp_path, out, honest, change):
    refusal(pickled(honest, tmp_path / "hostile.pt", change), out, UntrustedCodeError, inputs=INPUTS)
