"""The JSON document of `validate`."""

from typing import TypedDict

from dynanoise_export.reports.documents import Header, header
from dynanoise_export.reports.execution_wording import ExecutionDocument, execution_known
from dynanoise_export.validation.check import Check
from dynanoise_export.validation.validating import Validation


class CheckDocument(TypedDict):
    """What one check found; programs look at `code` and `outcome`."""

    code: str
    name: str
    outcome: str
    passed: bool
    value: float | None
    limit: float | None
    detail: str


class ToleranceDocument(TypedDict):
    """How far a logit might differ from the reference's: |Δ| ≤ atol + rtol · |logit|."""

    atol: float
    rtol: float


class ValidateDocument(Header):
    """What `validate` found.

    Attributes:
        strict: whether a warning fails.
        reference: the path of the undefended model.
        rows: how many rows were used.
        data: where the rows came from, for people.
        tolerance: of the logits.
        execution: how ONNX Runtime ran the model; None if it ran elsewhere.
        checks: in the order in which they were made.
    """

    strict: bool
    reference: str
    rows: int
    data: str
    tolerance: ToleranceDocument
    execution: ExecutionDocument | None
    checks: list[CheckDocument]


def validate_document(validation: Validation) -> ValidateDocument:
    """Describe what `validate` found."""
    model = validation.model
    return {
        **header(
            "validate",
            model.name,
            model.sha256,
            validation.defence,
            content=model.content_sha256,
            passed=validation.passed,
        ),
        "strict": validation.strict,
        "reference": str(validation.reference),
        "rows": validation.rows,
        "data": validation.data,
        "tolerance": {"atol": validation.tolerance.atol, "rtol": validation.tolerance.rtol},
        "execution": execution_known(model.execution),
        "checks": [_check(check) for check in validation.checks],
    }


def _check(check: Check) -> CheckDocument:
    return {
        "code": check.code,
        "name": check.name,
        "outcome": check.outcome,
        "passed": check.passed,
        "value": check.value,
        "limit": check.limit,
        "detail": check.detail,
    }
