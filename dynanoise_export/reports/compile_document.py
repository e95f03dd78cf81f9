"""The JSON document of `compile`."""

from typing import Any

from dynanoise_export.deployed.manifest import manifest_document
from dynanoise_export.deployment.tensorrt.compiling import Compiled
from dynanoise_export.reports.documents import Header, header


class CompileDocument(Header):
    """What `compile` made; `passed` says that the plan's text shows no constant seed.

    Attributes:
        warning: what is known to be weak about the plan's noise, for people; None if nothing is.
        manifest: as it is in the file beside the plan.
    """

    warning: str | None
    manifest: dict[str, Any]


def compile_document(compiled: Compiled) -> CompileDocument:
    """Describe what `compile` made."""
    manifest = compiled.manifest
    passed = manifest.constant_seeds == ()
    return {
        **header("compile", compiled.path, manifest.plan_sha256, manifest.provenance, passed=passed),
        "warning": compiled.warning,
        "manifest": manifest_document(manifest),
    }
