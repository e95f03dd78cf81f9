"""What `compile` made, as a table on a terminal and as a JSON document."""

from rich.console import Console

from dynanoise_export.deployed.manifest import Manifest, Profile, manifest_beside, manifest_document
from dynanoise_export.deployment.tensorrt.compiling import Compiled
from dynanoise_export.graph.provenance import Provenance
from dynanoise_export.reports.documents import Document, header
from dynanoise_export.reports.terminal import print_rows


def plan_document(compiled: Compiled) -> Document:
    """Tell what `compile` made; `passed` says that no constant seed was found in a plan whose text tells."""
    manifest = compiled.manifest
    parameters = manifest.stated.parameters if manifest.stated else None
    told = header("compile", compiled.path, manifest.plan_sha256, parameters, passed=manifest.constant_seeds == ())
    return told | {"warning": compiled.warning, "manifest": manifest_document(manifest)}


def print_compiled(compiled: Compiled, console: Console) -> None:
    """Show what `compile` made."""
    manifest = compiled.manifest
    rows = [
        ("made", f"{compiled.path}, and {manifest_beside(compiled.path).name} beside it"),
        ("from", f"{manifest.source}, sha256 {manifest.source_sha256}"),
        ("built by", f"{manifest.backend.product} {manifest.version} in {manifest.build_seconds:.1f} s"),
        ("runs on", _places(manifest)),
        ("profiles", "\n".join(f"{name}: {_shapes(profile)}" for name, profile in manifest.profiles.items())),
        ("precision", f"{manifest.precision}, the defence in fp32"),
        ("noise", _noise(manifest.stated) if manifest.stated else "not stated"),
        ("seeds", _seeds(manifest.constant_seeds)),
        ("sha256", manifest.plan_sha256),
    ]
    print_rows(rows, console)


def _places(manifest: Manifest) -> str:
    versions = " and later" if manifest.version_compatible else ""
    word = "read back" if manifest.read_back else "not read back: no GPU has opened the plan"
    return f"{manifest.gpus()}, {manifest.backend.product} {manifest.version}{versions} ({word})"


def _shapes(profile: Profile) -> str:
    smallest, usual, largest = ("x".join(map(str, shape)) for shape in profile)
    return f"{smallest} to {largest}, tuned for {usual}"


def _noise(stated: Provenance) -> str:
    return stated.noise if stated.key is None else f"{stated.noise} (key {stated.key})"


def _seeds(seeds: tuple[int, ...] | None) -> str:
    if seeds is None:
        return "not known: the plan draws, and its text does not tell from what"
    return f"CONSTANT: starts from {', '.join(map(str, seeds))} at every run" if seeds else "none in the plan's text"
