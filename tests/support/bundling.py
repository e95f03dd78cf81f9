"""Ask for bundles and make them, as the command does."""

from pathlib import Path

from dynanoise_export.bundles import Bundle
from dynanoise_export.bundling.making import make_bundle
from dynanoise_export.bundling.request import BundleRequest


def bundled(source: Path, *, model: Path | None = None, inputs: tuple[str, ...] = ("x",), **options: object) -> Bundle:
    """Make a bundle beside its only source, and open it."""
    path = source.parent / "made"
    make_bundle(BundleRequest({None: source}, **options), path, model=model)
    return Bundle.load(path, inputs)
