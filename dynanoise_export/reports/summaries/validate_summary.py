"""The summary of a validation."""

from collections.abc import Iterator

from dynanoise_export.reports.model_facts import Fact, model_facts
from dynanoise_export.reports.summaries.summary import Summary, model_properties, verdict_word
from dynanoise_export.validation.check import Check, Outcome
from dynanoise_export.validation.validating import Validation

_COUNTED = {
    Outcome.PASSED: "passed",
    Outcome.FAILED: "failed",
    Outcome.NOT_RUN: "not run",
    Outcome.WARNING: "with a warning",
    Outcome.NOT_APPLICABLE: "not applicable",
}


def validate_summary(validation: Validation) -> Summary:
    """Summarise what `validate` found."""
    model, defence = validation.model, validation.defence
    name = model.short_name
    return Summary(
        command="validate",
        title="Does the file do what it states?",
        path=model.name,
        sha256=model.sha256,
        name=name,
        verdict=verdict_word(validation.passed),
        sentences=tuple(_sentences(validation)),
        figures=(),
        assumed=(
            Fact("Compared with", validation.reference.name, code=True),
            Fact("Rows", f"{validation.rows:,}"),
            Fact("Warnings", "fail" if validation.strict else "do not fail"),
        ),
        limits=tuple(_told(check, validation) for check in validation.checks if check.outcome is Outcome.WARNING),
        facts=tuple(model_facts(model, defence, name)),
        properties={
            **model_properties(model, defence),
            "validation:verdict": verdict_word(validation.passed).lower(),
            **{f"validation:{outcome.value}": str(_count(validation, outcome)) for outcome in _COUNTED},
            **{f"validation:check:{check.code.value}": check.outcome.value for check in validation.checks},
        },
    )


def _sentences(validation: Validation) -> Iterator[str]:
    counts = ", ".join(f"{_count(validation, outcome)} {words}" for outcome, words in _COUNTED.items())
    yield f"{len(validation.checks)} checks: {counts}."
    for check in validation.checks:
        if check.outcome in (Outcome.FAILED, Outcome.NOT_RUN):
            yield f"FAILED: {_told(check, validation)}"


def _told(check: Check, validation: Validation) -> str:
    detail = check.detail.replace(str(validation.reference), validation.reference.name)
    return f"{check.name}: {detail.replace(validation.model.name, validation.model.short_name)}"


def _count(validation: Validation, outcome: Outcome) -> int:
    return [check.outcome for check in validation.checks].count(outcome)
