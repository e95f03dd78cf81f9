"""Search a `torch.export` archive for everything that PyTorch's loader would run.

The loader trusts its file: it passes the sizes of a program, which are text, to `eval`; pastes the names of its values
into Python source; looks up what a node calls by any dotted name; and unpickles some constants in full. So a file is
refused unless every text of its program has a form that can't be code.
"""

import ast
import keyword
import re
from math import ceil, isfinite, prod
from pathlib import Path
from typing import Any

from dynanoise_export.errors import UntrustedCodeError
from dynanoise_export.records import json_of
from dynanoise_export.sources.plain_archive import read_plain_archive
from dynanoise_export.sources.pure_operators import is_pure

# The members that torch.export.save writes; pickles among them are read without their code.
MEMBER = re.compile(
    r"models/\w+\.json|data/(weights|constants)/(\w+\.(json|pt)|(weight|tensor|custom_obj|opaque_obj)_\d+)|"
    r"data/sample_inputs/\w+\.pt|archive_format|archive_version|byteorder|version|\.format_version|"
    r"\.storage_alignment|\.data/[a-z_]+|extra/.+",
    re.ASCII,
)
# A name, or a path of names, without characters that could call or open anything in Python source.
NAME = re.compile(r"[\w.:/@-]*", re.ASCII)
# The name of a value, which PyTorch pastes into Python source, and the fields and tables that hold such names.
IDENTIFIER = re.compile(r"(?!__)[A-Za-z_]\w*|", re.ASCII)
VALUES = {"name", "as_name", "forward_arg_names"}
VALUE_TABLES = {"tensor_values", "sym_int_values", "sym_bool_values", "sym_float_values", "custom_obj_values"}
# What a node may call: operators that only compute, control flow, and the arithmetic of sizes.
OPERATOR = re.compile(r"torch\.ops\.(?:aten|prims)\.(\w+)\.[A-Za-z]\w*", re.ASCII)
HARMLESS_TARGET = re.compile(
    r"torch\.ops\.quantized_decomposed\.(de)?quantize_per_(tensor|channel)(\.(default|tensor))?"
    r"|torch\.ops\.higher_order\.(cond|while_loop|scan|map_impl|wrap_with_set_grad_enabled|wrap_with_autocast)"
    r"|_operator\.(getitem|add|sub|mul|truediv|floordiv|mod|pow|neg|pos|and_|or_|not_|eq|ne|lt|le|gt|ge)"
    r"|math\.(ceil|floor|trunc|sqrt|log|log2|exp|pow|fabs)|torch\._?sym_[a-z0-9_]+"
)
# The files of tensors; other files hold pickles and TorchScript objects.
TENSOR_FILE = re.compile(r"(weight|tensor)_\d+", re.ASCII)
# The containers that inputs and outputs may be in; the last ones are those of transformers.
CONTAINER = re.compile(
    r"builtins\.(tuple|list|dict)|collections\.OrderedDict|transformers\.modeling_outputs\.\w+", re.ASCII
)
# What the text of a size may call, and the other names that it may contain.
SIZE_FUNCTIONS = {
    "Symbol", "Integer", "Float", "Rational", "Max", "Min", "Add", "Mul", "Pow", "Mod", "Abs", "floor", "ceiling",
    "Eq", "Ne", "Lt", "Le", "Gt", "Ge", "And", "Or", "Not", "Equality", "Unequality", "StrictLessThan", "LessThan",
    "StrictGreaterThan", "GreaterThan", "Piecewise", "ExprCondPair", "FloorDiv", "ModularIndexing", "Where",
    "PythonMod", "CleanDiv", "CeilToInt", "FloorToInt", "CeilDiv", "LShift", "RShift", "PowByNatural", "FloatPow",
    "FloatTrueDiv", "IntTrueDiv", "TruncToFloat", "TruncToInt", "RoundToInt", "RoundDecimal", "ToFloat", "Identity",
    "IsNonOverlappingAndDenseIndicator",
}  # fmt: skip
SYMBOL = re.compile(r"[a-z]+\d+|oo|int_oo|true|false", re.ASCII)
POWERS = {"Pow", "PowByNatural", "FloatPow", "LShift"}
# The text of a size is short, and its powers are small: all exponents multiplied.
LONGEST_SIZE, LARGEST_POWER, LARGEST_NUMBER = 2000, 64, 1 << 63
SIZE_SYNTAX = (
    ast.Expression, ast.Call, ast.Name, ast.Load, ast.Constant, ast.keyword, ast.BinOp, ast.UnaryOp, ast.BoolOp,
    ast.Compare, ast.Tuple, ast.operator, ast.unaryop, ast.boolop, ast.cmpop,
)  # fmt: skip
# Texts that stay texts (arguments of operators, notes for people) or that are removed after loading (guards).
FREE_TEXT = {"as_string", "as_strings", "metadata", "guards_code", "torch_version"}


def require_no_code(path: Path) -> None:
    """Refuse a file with anything that PyTorch's loader would run.

    Raises:
        FormatError: the file is damaged.
        UntrustedCodeError: the file holds code, or something that could be code.
    """
    archive = read_plain_archive(path)
    for name in archive.members:
        if not MEMBER.fullmatch(name):
            raise _refusal(path, f"holds {name[:60]!r}, which torch.export.save does not write or which is code")
    for name in archive.members:
        if name.endswith(".json"):
            _require_harmless(path, json_of(archive.read(name), f"{name} in {path}"))


def _require_harmless(path: Path, value: Any, key: str = "") -> None:
    if isinstance(value, dict):
        for name, item in value.items():
            _require_form(path, NAME, name, "a name")
            if key in VALUE_TABLES:
                _require_identifier(path, name)
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
            operator = OPERATOR.fullmatch(text)
            if not (is_pure(operator[1]) if operator else HARMLESS_TARGET.fullmatch(text)):
                raise _refusal(path, f"calls {text[:60]!r}, which is not known to be harmless")
        case "in_spec" | "out_spec":
            _require_harmless_structure(path, json_of(text, f"A structure in {path}")[1])
        case "path_name":
            _require_form(path, TENSOR_FILE, text, "the name of a tensor")
        case _ if key in VALUES:
            _require_identifier(path, text)
        case _:
            _require_form(path, NAME, text, "a name")


def _require_harmless_structure(path: Path, node: Any) -> None:
    _require_form(path, CONTAINER, node["type"] or "builtins.tuple", "a plain container")
    context = json_of(node["context"] or "null", f"A structure in {path}") or []
    if not (isinstance(context, list) and all(isinstance(key, str | int) for key in context)):
        raise _refusal(path, "puts its inputs or outputs into containers of its own")
    for key in context:
        _require_form(path, NAME, str(key), "a name")
    for child in node["children_spec"]:
        _require_harmless_structure(path, child)


def _require_identifier(path: Path, text: str) -> None:
    _require_form(path, IDENTIFIER, text, "a plain name")
    if keyword.iskeyword(text) and text != "from":  # which is an argument of `random_`
        raise _refusal(path, f"holds {text!r} where a plain name should be")


def _require_form(path: Path, form: re.Pattern[str], text: str, expected: str) -> None:
    if not form.fullmatch(text):
        raise _refusal(path, f"holds {text[:60]!r} where {expected} should be")


def _refusal(path: Path, finding: str) -> UntrustedCodeError:
    return UntrustedCodeError(
        f"{path} {finding}, so opening it could run code: if you trust its origin, add --allow-pickle."
    )


def _is_size(text: str) -> bool:
    # The loader drops line ends before it parses the text.
    if "\n" in text or not text.isascii() or len(text) > LONGEST_SIZE:
        return False
    try:
        nodes = list(ast.walk(ast.parse(text, mode="eval")))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    for node in nodes:
        match node:
            case ast.Name(id=name):
                allowed = name in SIZE_FUNCTIONS if id(node) in called else SYMBOL.fullmatch(name) is not None
            case ast.Constant(value=str(name)):
                allowed = SYMBOL.fullmatch(name) is not None
            case ast.Constant(value=int(number)):
                allowed = abs(number) <= LARGEST_NUMBER
            case _:
                allowed = isinstance(node, SIZE_SYNTAX)
        if not allowed:
            return False
    return prod(_exponent(node) for node in nodes) <= LARGEST_POWER


def _exponent(node: ast.AST) -> int:
    """Give the exponent of a power, and 1 for anything else; it must be a plain number."""
    match node:
        case ast.BinOp(op=ast.Pow() | ast.LShift(), right=exponent):
            pass
        case ast.Call(func=ast.Name(id=name), args=[_, exponent, *_]) if name in POWERS:
            pass
        case ast.Call(func=ast.Name(id=name)) if name in POWERS:
            return LARGEST_POWER + 1
        case _:
            return 1
    return _magnitude(exponent)


def _magnitude(number: ast.AST) -> int:
    """Give the size of a plain number, at least 1."""
    match number:
        case ast.Call(func=ast.Name(id="Integer" | "Rational" | "Float"), args=[numerator, *_]):
            return _magnitude(numerator)
        case ast.UnaryOp(op=ast.USub(), operand=positive):
            return _magnitude(positive)
        case ast.Constant(value=int(value) | float(value)) if isfinite(value):
            return max(1, ceil(abs(value)))
    return LARGEST_POWER + 1
