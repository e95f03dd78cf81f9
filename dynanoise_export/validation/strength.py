"""How good the noise of a runtime is: a weakness of the place, which is no fault of the file."""

import dataclasses

from dynanoise_export.validation.asking import SESSIONS
from dynanoise_export.validation.check import Check

WAY_OUT = "export with --noise input and feed it from the server's own generator"

ONNX_RUNTIME_CPU = Check(
    name="generator",
    passed=False,
    value=31,
    limit=None,
    detail="ONNX Runtime draws on the CPU from 31 bits of state, started from the clock: "
    f"a few exact noise values betray the rest. Where that matters, {WAY_OUT}.",
    warning=True,
)


def as_warning(check: Check) -> Check:
    """Make a warning of two sessions that repeat each other: ONNX Runtime's do, whatever the file."""
    if check.passed or not check.name.endswith(SESSIONS):
        return check
    detail = f"{check.detail} Sessions of ONNX Runtime that one process opens repeat each other: {WAY_OUT}."
    return dataclasses.replace(check, detail=detail, warning=True)
