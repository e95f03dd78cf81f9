"""The JSON document of `compile`."""

from typing import Any

from dynanoise_export.deployed.manifest import manifest_document
from dynanoise_export.deployment.tensorrt.compiling import Compiled
from dynanoise_export.reports.documents import Header, header
from dynanoise_export.reports.float16_wording import Float16Document, float16_document


class CompileDocument(Header):
    """What `compile` made; `passed` says that the plan's text shows no constant seed.

    Attributes:
        warning: what is known to be weak about the plan's noise, for people; None if nothing is.
        float16: how `compile` converted the model to float16; None if it did not.
        manifest: as it is in the file beside the plan.
    """

    warning: str | None
    float16: Float16Document | None
    manifest: dict[str, Any]


def compile_document(compiled: Compiled) -> CompileDocument:
    """Describe what `compile` made."""
    manifest = compiled.manifest
    passed = manifest.constant_seeds == ()
    return {
        **header("compile", compiled.path, manifest.plan_sha256, manifest.provenance, passed=passed),
        "warning": compiled.warning,
        "float16": None if compiled.float16 is None else float16_document(compiled.float16),
        "manifest": manifest_document(manifest),
    }
