"""The public API: what `dynanoise_export` exports, how it is called, and that the docs use nothing else."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import dynanoise_export
from support.source_code import ROOT

# For those who change this project or write plugins; everybody else needs the public names alone.
FOR_CONTRIBUTORS = {"architecture.md"}
PAGES = [
    ROOT / "README.md",
    *(path for path in sorted((ROOT / "docs").glob("*.md")) if path.name not in FOR_CONTRIBUTORS),
]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
HEAVY = ("torch", "onnxruntime", "onnx", "onnx_ir", "numpy", "scipy", "sklearn", "transformers")
FUNCTIONS = [name for name in dynanoise_export.__all__ if inspect.isfunction(getattr(dynanoise_export, name))]


@pytest.mark.parametrize("name", dynanoise_export.__all__)
def test_every_public_name_can_be_imported(name):
    assert getattr(dynanoise_export, name) is not None


def test_the_list_is_sorted_without_repetition_and_complete():
    names = dynanoise_export.__all__
    assert names == sorted(set(names))
    assert dir(dynanoise_export) == names
    type_checking = (ROOT / "dynanoise_export" / "__init__.py").read_text().partition("if TYPE_CHECKING:")[2]
    statements = re.findall(r"^ +from \S+ import (\([^)]*\)|.*)$", type_checking.partition("\n_")[0], re.MULTILINE)
    typed = {name for statement in statements for name in re.findall(r"\w+", statement)}
    assert typed | {"__version__"} == set(names)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="unheard_of"):
        dynanoise_export.unheard_of  # noqa: B018
    assert not hasattr(dynanoise_export, "sources_of_all_evil")


def test_every_public_object_has_a_docstring():
    for name in dynanoise_export.__all__:
        item = getattr(dynanoise_export, name)
        if inspect.isclass(item) or inspect.isfunction(item):
            assert inspect.getdoc(item), name


@pytest.mark.parametrize("statement", ["import dynanoise_export", "from dynanoise_export import UserError, Provider"])
def test_the_import_pulls_in_no_large_package(statement):
    script = f"import sys; {statement}; print([name for name in {HEAVY!r} if name in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_options_of_public_functions_are_keywords(name):
    parameters = inspect.signature(getattr(dynanoise_export, name)).parameters.values()
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.VAR_POSITIONAL)]
    assert len(positional) <= 2
    assert all(parameter.default is parameter.empty for parameter in positional)


@pytest.mark.parametrize("name", ["export", "validate", "attack", "bench", "compile_plan", "fit_defence"])
def test_long_calls_report_their_progress_in_the_same_way(name):
    parameter = inspect.signature(getattr(dynanoise_export, name)).parameters["progress"]
    assert parameter.kind is parameter.KEYWORD_ONLY
    assert parameter.default.__name__ == "no_progress"


@pytest.mark.parametrize("name", ["Session"])
def test_what_holds_a_session_is_a_context_manager(name):
    assert {"__enter__", "__exit__", "close"} <= set(dir(getattr(dynanoise_export, name)))


def code_blocks(path: Path) -> list[str]:
    return re.findall(r"^ *```\w*\n(.*?)^ *```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def inner_imports(code: str) -> list[str]:
    """List the imports of inner modules of the library, or of names that are not public."""
    found = re.findall(r"^\s*(?:from|import)\s+dynanoise_export\.[\w.]+.*$", code, re.MULTILINE)
    for names in re.findall(r"^\s*from\s+dynanoise_export\s+import\s+(\([^)]*\)|.*)$", code, re.MULTILINE):
        found += [name for name in re.findall(r"\w+", names) if name not in dynanoise_export.__all__]
    return found


def used_names(code: str) -> set[str]:
    """List the attributes of `dynanoise_export`, or of the name that it is imported as."""
    aliases = re.findall(r"^\s*import\s+dynanoise_export(?:\s+as\s+(\w+))?\s*$", code, re.MULTILINE)
    names = {alias or "dynanoise_export" for alias in aliases}
    return {used for name in names for used in re.findall(rf"\b{name}\.(\w+)", code)}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_the_docs_use_the_public_names_alone(path):
    for block in code_blocks(path):
        assert inner_imports(block) == []
        assert used_names(block) <= set(dynanoise_export.__all__)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_use_the_public_names_alone(path):
    code = path.read_text(encoding="utf-8")
    assert inner_imports(code) == []
    assert used_names(code) <= set(dynanoise_export.__all__)


def test_the_check_sees_an_inner_import():
    assert inner_imports("from dynanoise_export.graph.leaks import find_leaks") != []
    assert inner_imports("x = 1\n    import dynanoise_export.graph.leaks as leaks") != []
    assert inner_imports("from dynanoise_export import export, find_leaks") == ["find_leaks"]
    assert inner_imports("from dynanoise_export import (\n    export,\n    DynaNoise,\n)") == []
    assert used_names("import dynanoise_export as dx\ndx.export(1)\ndx.find_leaks(2)") == {"export", "find_leaks"}


def test_the_api_page_lists_the_public_names():
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"^## Names\n(.*?)^## ", page, re.MULTILINE | re.DOTALL)
    listed = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert len(listed) == len(set(listed))
    assert set(listed) == set(dynanoise_export.__all__)
