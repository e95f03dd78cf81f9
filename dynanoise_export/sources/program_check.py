"""Search a `torch.export` archive for everything that PyTorch's loader would run.

The loader trusts its file: it passes the sizes of a program, which are text, to `eval`; pastes the names of its values
into Python source; looks up what a node calls by any dotted name; and unpickles some constants in full. So a file is
refused unless every text of its program has a form that can't be code.
"""

import ast
import json
import re
from pathlib import Path
from typing import Any

from torch.export.pt2_archive import PT2ArchiveReader

from dynanoise_export.errors import UntrustedCodeError

# A name, without characters that could call or open anything in Python source.
NAME = re.compile(r"[\w.:/@-]*")
# What a node may call: PyTorch's operators (except the two that read or write files), control flow, and the arithmetic
# of sizes.
HARMLESS_TARGET = re.compile(
    r"torch\.ops\.(aten|prims|quantized|quantized_decomposed|torchvision)\.(?!from_file\b|save\b)\w+\.\w+"
    r"|torch\.ops\.higher_order\.(cond|while_loop|scan|map_impl|wrap_with_set_grad_enabled|wrap_with_autocast)"
    r"|_operator\.(getitem|add|sub|mul|truediv|floordiv|mod|pow|neg|pos|and_|or_|not_|eq|ne|lt|le|gt|ge)"
    r"|math\.\w+|torch\._?sym_\w+"
)
# The files of tensors; other files hold pickles and TorchScript objects.
TENSOR_FILE = re.compile(r"(weight|tensor)_\d+")
# The containers that inputs and outputs may be in; the last ones are those of transformers.
CONTAINER = re.compile(r"builtins\.(tuple|list|dict)|collections\.OrderedDict|transformers\.modeling_outputs\.\w+")
# What the text of a size may call, and the other names that it may contain.
SIZE_FUNCTIONS = {
    "Symbol", "Integer", "Float", "Rational", "Max", "Min", "Add", "Mul", "Pow", "Mod", "Abs", "floor", "ceiling",
    "Eq", "Ne", "Lt", "Le", "Gt", "Ge", "And", "Or", "Not", "Equality", "Unequality", "StrictLessThan", "LessThan",
    "StrictGreaterThan", "GreaterThan", "Piecewise", "ExprCondPair", "FloorDiv", "ModularIndexing", "Where",
    "PythonMod", "CleanDiv", "CeilToInt", "FloorToInt", "CeilDiv", "LShift", "RShift", "PowByNatural", "FloatPow",
    "FloatTrueDiv", "IntTrueDiv", "TruncToFloat", "TruncToInt", "RoundToInt", "RoundDecimal", "ToFloat", "Identity",
    "IsNonOverlappingAndDenseIndicator",
}  # fmt: skip
SYMBOL = re.compile(r"[a-z]+\d+|oo|int_oo|true|false")
SIZE_SYNTAX = (
    ast.Expression, ast.Call, ast.Name, ast.Load, ast.Constant, ast.keyword, ast.BinOp, ast.UnaryOp, ast.BoolOp,
    ast.Compare, ast.Tuple, ast.operator, ast.unaryop, ast.boolop, ast.cmpop,
)  # fmt: skip
# Texts that stay texts (arguments of operators, notes for people) or that are removed after loading (guards).
FREE_TEXT = {"as_string", "as_strings", "metadata", "guards_code", "torch_version"}


def require_no_code(path: Path, archive: PT2ArchiveReader) -> None:
    """Refuse a file with anything that PyTorch's loader would run.

    Args:
        path: of the file, for messages.
        archive: the file, opened as the loader opens it: a file can show another content to another reader.

    Raises:
        UntrustedCodeError: the file holds code, or something that could be code.
    """
    for member in archive.get_file_names():
        if member.startswith("data/aotinductor/"):
            raise _refusal(path, f"holds compiled code ({member})")
        # The loader reads every file in this folder as a program, whatever its suffix.
        is_program = member.startswith("models/")
        if is_program or (member.startswith(("data/weights/", "data/constants/")) and member.endswith(".json")):
            _require_harmless(path, json.loads(archive.read_bytes(member)))


def _require_harmless(path: Path, value: Any, key: str = "") -> None:
    if isinstance(value, dict):
        for name, item in value.items():
            _require_form(path, NAME, name, "a name")
            if not (name in FREE_TEXT and _is_text(item)):
                _require_harmless(path, item, name)
    elif isinstance(value, list):
        for item in value:
            _require_harmless(path, item, key)
    elif isinstance(value, str):
        _require_harmless_text(path, value, key)


def _is_text(value: Any) -> bool:
    """Whether the value consists of texts, so that nothing else can hide in it."""
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
    return all(isinstance(item, str) for item in items)


def _require_harmless_text(path: Path, text: str, key: str) -> None:
    match key:
        case "expr_str":
            if not _is_size(text):
                raise _refusal(path, "holds code where a size should be")
        case "target" | "as_operator":
            if not HARMLESS_TARGET.fullmatch(text):
                raise _refusal(path, f"calls {text}")
        case "in_spec" | "out_spec":
            _require_harmless_structure(path, json.loads(text)[1])
        case "path_name":
            _require_form(path, TENSOR_FILE, text, "the name of a tensor")
        case _:
            _require_form(path, NAME, text, "a name")


def _require_harmless_structure(path: Path, node: Any) -> None:
    _require_form(path, CONTAINER, node["type"] or "builtins.tuple", "a plain container")
    context = json.loads(node["context"] or "null") or []
    if not (isinstance(context, list) and all(isinstance(key, str | int) for key in context)):
        raise _refusal(path, "puts its inputs or outputs into containers of its own")
    for key in context:
        _require_form(path, NAME, str(key), "a name")
    for child in node["children_spec"]:
        _require_harmless_structure(path, child)


def _require_form(path: Path, form: re.Pattern[str], text: str, expected: str) -> None:
    if not form.fullmatch(text):
        raise _refusal(path, f"holds {text[:60]!r} where {expected} should be")


def _refusal(path: Path, finding: str) -> UntrustedCodeError:
    return UntrustedCodeError(
        f"{path} {finding}, so opening it could run code: if you trust its origin, add --allow-pickle."
    )


def _is_size(text: str) -> bool:
    if "\n" in text or not text.isascii():  # the loader drops line ends before it parses the text
        return False
    try:
        nodes = list(ast.walk(ast.parse(text, mode="eval")))
    except (SyntaxError, ValueError, RecursionError):
        return False
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    for node in nodes:
        match node:
            case ast.Name(id=name):
                allowed = name in SIZE_FUNCTIONS if id(node) in called else SYMBOL.fullmatch(name) is not None
            case ast.Constant(value=str(name)):
                allowed = SYMBOL.fullmatch(name) is not None
            case _:
                allowed = isinstance(node, SIZE_SYNTAX)
        if not allowed:
            return False
    return True
