"""Read the project's own source code: which module imports which, and what each defines."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "dynanoise_export": ROOT / "dynanoise_export",
    "dynanoise_cli": ROOT / "cli" / "dynanoise_cli",
    "dynanoise_models": ROOT / "models" / "dynanoise_models",
}

# The rooms of the library, from low to high. Rooms on one line do not import each other, except on the first line,
# which is whatever lies beside the rooms.
BASE = ("array_files", "choices", "documentation", "errors", "files", "bundles", "dataset_rows", "fixed_tensors",
        "intervals", "label_forms", "layouts", "onnx_functions", "packages", "printable", "probabilities", "records",
        "registry", "types", "version")  # fmt: skip
LAYERS = (
    BASE,
    ("noise",),
    ("defences",),
    ("graph",),
    ("runtimes", "shadow_stores"),
    ("sources",),
    ("exporting", "fitting", "guarding", "inspecting"),
    ("deployed",),
    ("validation", "attacks", "benchmarking", "deployment", "playground"),
    ("bundling", "tuning"),
    ("reports",),
)
LAYER_OF = {room: number for number, rooms in enumerate(LAYERS) for room in rooms}
# `triton` copies these beside the model on a server, where the library is not installed.
STANDALONE = {"dynanoise_export.deployment.triton.python_model", "dynanoise_export.noise.system_normals"}
# The public API, which loads every room lazily, and the program.
EXCEPTIONS = {"dynanoise_export", "dynanoise_export.__main__"}
MAY_IMPORT = {
    "dynanoise_export": {"dynanoise_export"},
    "dynanoise_models": {"dynanoise_export", "dynanoise_models"},
    "dynanoise_cli": set(PACKAGES),
}


def sources() -> dict[str, str]:
    """Read all modules of the project: name to source."""
    found = {}
    for package, folder in PACKAGES.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            name = ".".join((package, *(part for part in parts if part != "__init__")))
            found[name] = path.read_text(encoding="utf-8")
    return found


def imported(source: str, modules: Mapping[str, object] | set[str]) -> Iterator[str]:
    """List the modules of the project that a source imports, wherever in it; `modules` are those that there are."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.partition(".")[0] in PACKAGES)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] in PACKAGES:
            submodules = {f"{node.module}.{alias.name}" for alias in node.names} & set(modules)
            yield from submodules or {node.module}
        elif isinstance(node, ast.ImportFrom) and node.level:
            raise AssertionError("a relative import")


def room_of(module: str) -> str:
    """Name the room of a module of the library."""
    return module.split(".")[1]


def upward_imports(modules: Mapping[str, str]) -> list[str]:
    """List the imports that the layers forbid, as "importer -> imported"."""
    found = []
    for importer, source in modules.items():
        if importer in EXCEPTIONS:
            continue
        package = importer.partition(".")[0]
        for target in imported(source, modules):
            other = target.partition(".")[0]
            if other not in MAY_IMPORT[package] or (
                package == other == "dynanoise_export" and not _down(importer, target)
            ):
                found.append(f"{importer} -> {target}")
    return found


def _down(importer: str, target: str) -> bool:
    if target in EXCEPTIONS:
        return False
    own, other = room_of(importer), room_of(target)
    if own == other:
        return True
    return LAYER_OF[other] < LAYER_OF[own] or (own in BASE and other in BASE)


def repeated_names(modules: Mapping[str, str]) -> list[str]:
    """List the file names that two modules of the library share, except that of the registries."""
    names = [module.rpartition(".")[2] for module in modules if module.startswith("dynanoise_export.")]
    packages = {module.rpartition(".")[0] for module in modules}
    files = [name for module, name in zip(modules_of_library(modules), names, strict=True) if module not in packages]
    return sorted({name for name in files if files.count(name) > 1})


def modules_of_library(modules: Mapping[str, str]) -> list[str]:
    """List the modules of the library, without its root."""
    return [module for module in modules if module.startswith("dynanoise_export.")]


def definitions(source: str) -> dict[str, str]:
    """Find what a module defines at its top level: name to the dump of an assigned value, or "" for anything else."""
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = ast.dump(node.value)
        elif isinstance(node, ast.ClassDef | ast.FunctionDef):
            found[node.name] = ""
    return found


def redefinitions(modules: Mapping[str, str], of: str) -> list[str]:
    """List what other modules define again, by name or, for an alias, by value; standalone modules may do so."""
    own = definitions(modules[of])
    aliases = {value for value in own.values() if value}
    return [
        f"{module}.{name}"
        for module, source in modules.items()
        if module != of and module not in STANDALONE
        for name, value in definitions(source).items()
        if name in own or value in aliases
    ]
