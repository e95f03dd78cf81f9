"""The directions of imports, and names that there is only one of, read from the source code."""

import subprocess

import pytest

from support.source_code import (
    LAYER_OF,
    ROOT,
    imported,
    modules_of_library,
    redefinitions,
    repeated_names,
    room_of,
    sources,
    upward_imports,
)


@pytest.fixture(scope="module")
def modules():
    return sources()


def test_no_import_goes_upwards(modules):
    assert upward_imports(modules) == []


def test_every_room_is_in_a_layer(modules):
    rooms = {room_of(module) for module in modules_of_library(modules)}
    assert rooms - set(LAYER_OF) == {"__main__"}
    assert set(LAYER_OF) <= rooms


def test_the_library_imports_neither_the_models_nor_the_command_line(modules):
    for module in modules_of_library(modules):
        others = {name.partition(".")[0] for name in imported(modules[module], modules)} - {"dynanoise_export"}
        assert others == ({"dynanoise_cli"} if module == "dynanoise_export.__main__" else set()), module


def test_no_two_modules_of_the_library_have_the_same_file_name(modules):
    assert repeated_names(modules) == []


def test_the_shared_types_are_defined_once(modules):
    assert redefinitions(modules, "dynanoise_export.types") == []


def test_only_its_own_defence_names_a_parameter_of_dynanoise():
    lines = subprocess.run(
        ["git", "grep", "-l", "--untracked", "sigma0", "--", "dynanoise_export"],
        cwd=ROOT, capture_output=True, text=True,
    ).stdout.splitlines()  # fmt: skip
    assert lines
    # The page of the playground shows this defence and no other.
    allowed = ("dynanoise_export/defences/dynanoise", "dynanoise_export/playground/page/")
    assert [line for line in lines if not line.startswith(allowed)] == []


@pytest.mark.parametrize(
    ("importer", "statement"),
    [
        ("noise.source", "import dynanoise_export.graph.values"),
        ("noise.source", "from dynanoise_export.graph.values import values"),
        ("noise.source", "from dynanoise_export.graph import values"),
        ("noise.source", "def f():\n    from dynanoise_export.defences.base import Defence"),
        ("noise.source", "if TYPE_CHECKING:\n    from dynanoise_export.defences.base import Defence"),
        ("errors", "import dynanoise_export.noise.source"),
        ("attacks.audit", "from dynanoise_export.validation.check import Check"),
        ("exporting", "from dynanoise_export.inspecting import inspect"),
        ("sources.inputs", "from dynanoise_export.exporting import export"),
        ("deployed.session", "from dynanoise_export.reports.terminal import show"),
        ("graph.values", "import dynanoise_models.targets"),
        ("reports.terminal", "from dynanoise_cli.app import main"),
        ("graph.values", "import dynanoise_export"),
        ("graph.values", "from dynanoise_export import NoiseSource"),
    ],
)
def test_the_check_sees_an_import_that_goes_upwards(modules, importer, statement):
    changed = dict(modules) | {f"dynanoise_export.{importer}": statement}
    (found,) = upward_imports(changed)
    assert found.startswith(f"dynanoise_export.{importer} -> dynanoise_")


def test_the_check_sees_an_import_of_the_command_line_in_the_models(modules):
    changed = dict(modules) | {"dynanoise_models.targets": "import dynanoise_cli.app"}
    assert upward_imports(changed) == ["dynanoise_models.targets -> dynanoise_cli.app"]


def test_the_check_lets_an_import_that_goes_down_pass(modules):
    down = "from dynanoise_export.noise import source\nimport dynanoise_export.errors\nimport torch"
    assert upward_imports(dict(modules) | {"dynanoise_export.reports.terminal": down}) == []
    assert upward_imports(dict(modules) | {"dynanoise_models.targets": "import dynanoise_export"}) == []


def test_the_check_sees_a_second_definition():
    made_up = {
        "dynanoise_export.types": "Array = npt.NDArray[np.generic]\nclass Step: ...\ndef row_count(x): ...",
        "dynanoise_export.graph.values": "Array = int\nOther = npt.NDArray[np.generic]\nWidth = 3",
        "dynanoise_cli.app": "def row_count(x): ...\nclass Stepping: ...",
    }
    assert redefinitions(made_up, "dynanoise_export.types") == [
        "dynanoise_export.graph.values.Array",
        "dynanoise_export.graph.values.Other",
        "dynanoise_cli.app.row_count",
    ]


def test_the_check_sees_a_repeated_file_name():
    names = [
        "dynanoise_export",
        "dynanoise_export.noise",
        "dynanoise_export.noise.noise",
        "dynanoise_export.graph.noise",
    ]
    assert repeated_names(dict.fromkeys(names, "")) == ["noise"]
    assert repeated_names(dict.fromkeys(names[:3], "")) == []
