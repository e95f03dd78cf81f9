"""The page of a validation."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dynanoise_export.reports.html.decision import Decision, Reason, Tone
from dynanoise_export.reports.html.rendering import write_page
from dynanoise_export.reports.html.wording import capital
from dynanoise_export.reports.model_facts import execution_facts, model_facts
from dynanoise_export.validation.check import Check, Outcome
from dynanoise_export.validation.validating import Validation

TEMPLATE = "validate.html.jinja"

_MEANINGS = {
    Outcome.PASSED: "what was measured lies within its limit",
    Outcome.FAILED: "the file is not what it states",
    Outcome.WARNING: "a weakness of the endpoint",
    Outcome.NOT_RUN: "could not be made, which is not a pass",
    Outcome.NOT_APPLICABLE: "the defence has nothing to check there",
}
_COLOURS = {Outcome.PASSED: "good", Outcome.FAILED: "bad", Outcome.WARNING: "warn", Outcome.NOT_RUN: "bad"}
_TITLES = {
    Outcome.FAILED: "Failed checks",
    Outcome.NOT_RUN: "Checks that could not run",
    Outcome.WARNING: "Warnings",
    Outcome.PASSED: "Checks that passed",
    Outcome.NOT_APPLICABLE: "Checks that do not apply",
}


@dataclass(frozen=True)
class OutcomeTile:
    """How many checks ended in one way.

    Attributes:
        outcome: how they ended.
        count: how many.
        meaning: what that says.
    """

    outcome: Outcome
    count: int
    meaning: str


def write_validate_html(validation: Validation, path: Path) -> None:
    """Write a validation as a page that needs no other file.

    Raises:
        FileAccessError: the file can't be written.
    """
    context: dict[str, Any] = {
        "validation": validation,
        "decision": decision(validation),
        "tiles": list(_tiles(validation)),
        "groups": list(_groups(validation)),
        "facts": [
            *model_facts(validation.model, validation.defence, validation.model.name),
            *execution_facts(validation.model),
        ],
    }
    write_page(TEMPLATE, context, FILTERS, path)


def decision(validation: Validation) -> Decision:
    """Decide by the checks; the reasons are those that keep the model from passing."""
    failing = [check for check in validation.checks if fails(check, strict=validation.strict)]
    reasons = tuple(Reason(False, f"{check.name}: {check.detail}") for check in failing)
    notes = (f"{len(validation.checks)} checks, against {validation.reference}, on {validation.data}.",)
    if failing:
        return Decision(Tone.FAILED, "Failed: do not release this model as it is", reasons, notes)
    return Decision(Tone.PASSED, "Passed: the file does what it states", notes=notes)


def fails(check: Check, *, strict: bool) -> bool:
    """Whether a check keeps a model from passing."""
    return not check.passed and (strict or check.outcome is not Outcome.WARNING)


def _tiles(validation: Validation) -> Iterator[OutcomeTile]:
    outcomes = [check.outcome for check in validation.checks]
    for outcome, meaning in _MEANINGS.items():
        yield OutcomeTile(outcome, outcomes.count(outcome), meaning)


def _groups(validation: Validation) -> Iterator[tuple[str, list[Check]]]:
    """Group the checks by outcome, what did not pass first."""
    for outcome, title in _TITLES.items():
        checks = [check for check in validation.checks if check.outcome is outcome]
        if checks:
            yield title, checks


def _share(check: Check) -> float | None:
    """Give what was measured as a share of the limit; None if there is no such share."""
    if check.value is None or not check.limit or not math.isfinite(check.limit):
        return None
    share = check.value / check.limit
    return share if share >= 0 else None  # not for NaN


def _number(value: float | None) -> str:
    if value is None:
        return ""
    text = f"{value:,.0f}" if value.is_integer() and abs(value) < 1e9 else f"{value:.3g}"
    return text.replace("-", "\N{MINUS SIGN}")


def _colour(outcome: Outcome) -> str:
    return _COLOURS.get(outcome, "soft")


FILTERS: dict[str, Callable[..., Any]] = {
    "share": _share,
    "number": _number,
    "colour": _colour,
    "outcome": lambda outcome: capital(outcome.value.replace("-", " ")),
}
