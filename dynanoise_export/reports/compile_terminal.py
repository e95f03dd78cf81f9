"""What `compile` made, on a terminal."""

from rich.console import Console

from dynanoise_export.deployed.manifest import Manifest, Profile, manifest_beside
from dynanoise_export.deployment.tensorrt.compiling import Compiled
from dynanoise_export.graph.provenance import Provenance
from dynanoise_export.reports.float16_wording import float16_text
from dynanoise_export.reports.terminal import Row, print_rows


def print_compiled(compiled: Compiled, console: Console) -> None:
    """Print what `compile` made."""
    manifest = compiled.manifest
    rows: list[Row] = [
        ("written", f"{compiled.path}, with {manifest_beside(compiled.path).name} beside it"),
        ("source", f"{manifest.source}, sha256 {manifest.source_sha256}"),
        ("built by", f"{manifest.backend.product} {manifest.version} in {manifest.build_seconds:.1f} s"),
        ("runs on", _gpus(manifest)),
        ("profiles", [f"{name}: {_shapes(profile)}" for name, profile in manifest.profiles.items()]),
        ("precision", _precision(compiled)),
        ("noise", _noise(manifest.provenance)),
        ("seeds", _seeds(manifest.constant_seeds)),
        ("sha256", manifest.plan_sha256),
    ]
    print_rows(rows, console)


def _precision(compiled: Compiled) -> str:
    if compiled.float16 is None:
        return f"{compiled.manifest.precision}, the defence in fp32"
    return float16_text(compiled.float16)


def _gpus(manifest: Manifest) -> str:
    versions = " and later" if manifest.version_compatible else ""
    evidence = "read from the plan" if manifest.read_back else "not read from the plan, which needs a GPU"
    return f"{manifest.gpus()}, {manifest.backend.product} {manifest.version}{versions} ({evidence})"


def _shapes(profile: Profile) -> str:
    smallest, usual, largest = ("x".join(map(str, shape)) for shape in profile)
    return f"{smallest} to {largest}, tuned for {usual}"


def _noise(stated: Provenance | None) -> str:
    if stated is None:
        return "not stated"
    if stated.noise is None:
        return "none: the defence takes no noise"
    return stated.noise if stated.key is None else f"{stated.noise} (key {stated.key})"


def _seeds(seeds: tuple[int, ...] | None) -> str:
    if seeds is None:
        return "not known: the plan draws noise, and its text does not show from which seed"
    if not seeds:
        return "none in the plan's text"
    return f"CONSTANT: the noise starts from {', '.join(map(str, seeds))} at every run"
