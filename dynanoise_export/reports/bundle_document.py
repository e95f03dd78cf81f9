"""The JSON document of `bundle`."""

from typing import TypedDict

from dynanoise_export.bundling.made_bundle import MadeBundle
from dynanoise_export.bundling.model_answers import BundleAccuracy
from dynanoise_export.reports.documents import Header, InputDocument, ends, header, input_document


class ClassDocument(TypedDict):
    """A class: its number as the label, its name if it has one, and how many rows it has."""

    label: int
    name: str | None
    rows: int


class AccuracyDocument(TypedDict):
    """How often the model is right, with 95% intervals, and how often chance is."""

    members: float
    members_ci: list[float]
    non_members: float
    non_members_ci: list[float]
    chance: float
    problem: str | None


class BundleWarningDocument(TypedDict):
    """A reason not to trust an audit with the bundle."""

    code: str
    text: str


class BundleDocument(Header):
    """A bundle that was made; it is the subject.

    Attributes:
        sources: the paths that it was made of.
        inputs: the names, types and shapes of its rows.
        members: the number of members.
        non_members: the number of non-members, without auxiliary rows.
        auxiliary: the number of auxiliary rows.
        groups: the number of groups; None if rows have none.
        classes: with their rows.
        model: the path of the model that it was checked with, or None.
        accuracy: of that model, or None.
        notes: what was done to the rows that a user may not expect, for people.
        warnings: reasons not to trust an audit with it.
    """

    sources: list[str]
    inputs: list[InputDocument]
    members: int
    non_members: int
    auxiliary: int
    groups: int | None
    classes: list[ClassDocument]
    model: str | None
    accuracy: AccuracyDocument | None
    notes: list[str]
    warnings: list[BundleWarningDocument]


def bundle_document(made: MadeBundle) -> BundleDocument:
    """Describe a bundle that was made."""
    names: list[str | None] = [*made.classes, *[None] * len(made.counts)]
    return {
        **header("bundle", made.path, made.sha256, None),
        "sources": list(made.sources),
        "inputs": [input_document(spec) for spec in made.inputs],
        "members": made.members,
        "non_members": made.non_members,
        "auxiliary": made.auxiliary,
        "groups": made.groups,
        "classes": [{"label": label, "name": names[label], "rows": count} for label, count in enumerate(made.counts)],
        "model": None if made.model is None else str(made.model),
        "accuracy": None if made.accuracy is None else _accuracy(made.accuracy),
        "notes": list(made.notes),
        "warnings": [{"code": warning.code, "text": warning.text} for warning in made.warnings],
    }


def _accuracy(accuracy: BundleAccuracy) -> AccuracyDocument:
    return {
        "members": accuracy.members.value,
        "members_ci": ends(accuracy.members),
        "non_members": accuracy.non_members.value,
        "non_members_ci": ends(accuracy.non_members),
        "chance": accuracy.chance,
        "problem": accuracy.problem,
    }
