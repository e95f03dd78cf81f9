"""Refuse TorchScript that does anything but compute, first in its source and then in what PyTorch made of it.

PyTorch runs code of the file while it loads it (`__setstate__`, defaults of arguments), so the source is judged before.
Its identifiers are ASCII. An operator can be reached in three ways alone: as an attribute (`torch.save`, `x.save`,
`ops.aten.save`), as the text of a `getattr`, or as a bare word that the language knows.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import torch

from dynanoise_export.errors import FormatError, UnsupportedModelError, UntrustedCodeError
from dynanoise_export.sources.plain_archive import read_plain_archive
from dynanoise_export.sources.pure_operators import is_pure
from dynanoise_export.sources.torchscript_values import require_sound_values

# The members that torch.jit.save writes. Older and mobile forms name other members as code.
MEMBER = re.compile(
    r"data\.pkl|constants\.pkl|attributes\.pkl|traced_inputs\.pkl|version|byteorder|\.format_version|"
    r"\.storage_alignment|\.data/[a-z_]+|(data|constants|attributes|traced_inputs|tensors)/\d+|extra/.+|"
    r"code/[\w./]+\.py(\.debug_pkl)?",
    re.ASCII,
)
LARGEST_CODE = 16 << 20

TOKEN = re.compile(
    r"""(?P<space>(?:[ \t\r\n]|\\\n)+)|(?P<text>"(?!"")(?:[^"\\\n]|\\[^\n])*")|(?P<word>[A-Za-z_]\w*)"""
    r"""|(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?)|(?P<sign>[][(){}.,:;=+\-*/%<>!&|^~@?$])""",
    re.ASCII,
)
# The only form of a `getattr` that PyTorch writes: of names that are no identifiers, such as "0".
GETATTR = re.compile(r'getattr\([\w.]+, "([^"\\\n]*)"\)', re.ASCII)
# Bare words of the language that start work elsewhere, and methods that PyTorch calls while it loads a file.
REFUSED_WORDS = {"fork", "awaitable", "__setstate__", "__getstate__"}
NAMESPACES = {"aten", "prim"}
QUANTISED = re.compile(r"\bops\.quantized\b|\btorch\.classes\.quantized\b")

# What the language is made of, beyond operators.
STRUCTURE = {
    "CallFunction", "CallMethod", "Constant", "CreateObject", "DictConstruct", "Enter", "Exit", "GetAttr", "If",
    "ListConstruct", "ListUnpack", "Load", "Loop", "MethodValue", "Param", "Return", "SetAttr", "Store",
    "TupleConstruct", "TupleSlice", "annotate", "isinstance",
}  # fmt: skip


def require_pure_source(path: Path) -> None:
    """Refuse an archive of TorchScript with members or code that PyTorch did not write or that do more than compute.

    Raises:
        UserError: it is damaged, or could run code.
    """
    archive = read_plain_archive(path)
    for name in archive.members:
        if not MEMBER.fullmatch(name):
            raise _refusal(path, f"holds the member {name[:60]!r}, which torch.jit.save does not write")
    if "data.pkl" not in archive.members or "constants.pkl" not in archive.members:
        raise FormatError(f"{path} is damaged: it has no data.pkl and constants.pkl, as TorchScript files have.")
    sources = [name for name in archive.members if name.endswith(".py")]
    if sum(archive.members[name].size for name in sources) > LARGEST_CODE:
        raise _refusal(path, "holds code that is too large to check")
    judge = _Judge(path)
    for name in sources:
        judge.judge(archive.read(name))
    require_sound_values(archive)


def require_pure_functions(path: Path, functions: Iterable[Any]) -> None:
    """Refuse functions and methods that do more than compute, after PyTorch compiled them and before one is called.

    Args:
        path: of the file, for messages.
        functions: of a compilation unit.

    Raises:
        UntrustedCodeError: names the operator.
    """
    for function in functions:
        for kind in _kinds(function.graph):
            namespace, _, name = kind.partition("::")
            structure = namespace == "prim" and name in STRUCTURE
            if not structure and not (namespace in NAMESPACES and is_pure(name)):
                raise _refusal(path, f"calls {kind}")


def _kinds(block: Any) -> Iterator[str]:
    for node in block.nodes():
        yield node.kind()
        for inner in node.blocks():
            yield from _kinds(inner)


def _refusal(path: Path, finding: str) -> UntrustedCodeError:
    return UntrustedCodeError(
        f"{path} {finding}, so it might do more than compute answers: if you trust its origin, add --allow-pickle."
    )


class _Judge:
    """Judges source; `refuse` raises the error."""

    def __init__(self, path: Path) -> None:
        self.path = path
        schemas: Callable[[], list[Any]] = torch._C._jit_get_all_schemas
        self.operators = {schema.name.partition("::")[2] for schema in schemas()}

    def judge(self, code: bytes) -> None:
        try:
            source = code.decode("ascii")
        except UnicodeDecodeError as error:
            raise _refusal(self.path, "holds code with characters beyond ASCII") from error
        if QUANTISED.search(source):
            raise UnsupportedModelError(
                f"PyTorch can't export {self.path} to ONNX: give the module before its quantisation instead, and "
                "quantise the ONNX file."
            )
        tokens = list(self._tokens(source))
        for position, token in enumerate(tokens):
            if token.isidentifier():
                self._judge_word(token, tokens, position)
        for call in re.finditer(r"\bgetattr\b", source):
            written = GETATTR.match(source, call.start())
            if written is None:
                raise _refusal(self.path, "calls getattr in a form that torch.jit.save does not write")
            self._require_pure(written[1])

    def _tokens(self, source: str) -> Iterator[str]:
        position = 0
        while position < len(source):
            found = TOKEN.match(source, position)
            if found is None:
                raise _refusal(self.path, f"holds code with {source[position : position + 3]!r}")
            position = found.end()
            if found.lastgroup != "space":
                yield found[0]

    def _judge_word(self, word: str, tokens: list[str], position: int) -> None:
        before, after = tokens[position - 1 : position], tokens[position + 1 : position + 2]
        if word in REFUSED_WORDS:
            raise _refusal(self.path, f"says {word!r}")
        if before == ["."]:
            if not self._is_own(tokens, position):
                self._require_pure(word)
        elif word == "ops" and (after != ["."] or tokens[position + 2 : position + 3][0] not in NAMESPACES):
            raise _refusal(self.path, f"says {''.join(tokens[position : position + 5])!r}")
        elif word == "__torch__" and after != ["."]:
            raise _refusal(self.path, f"says {word!r}")

    def _is_own(self, tokens: list[str], position: int) -> bool:
        """Whether a word ends a dotted name that begins with `__torch__`, which holds the file's own code alone."""
        start = position
        while start >= 2 and tokens[start - 1] == "." and tokens[start - 2].isidentifier():
            start -= 2
        own = tokens[start] == "__torch__" and tokens[start - 1 : start] != ["."]
        if own and tokens[start + 2 : start + 5] == ["torch", ".", "classes"]:
            raise _refusal(self.path, "uses a class of PyTorch's own")
        return own

    def _require_pure(self, word: str) -> None:
        if word in self.operators and not is_pure(word):
            raise _refusal(self.path, f"says {word!r}, the name of an operator that is not known to be harmless")
