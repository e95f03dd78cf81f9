"""A bundle that was made, and what a user should know about it."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from dynanoise_export.bundling.model_answers import BundleAccuracy
from dynanoise_export.types import TensorSpec


class BundleWarningCode(StrEnum):
    """The warnings of `bundle`. Programs look at the code; the sentence may change at any time."""

    NOT_CHECKED = "not-checked"
    ANSWERS_SAY_OTHERWISE = "answers-say-otherwise"
    LABELS_FROM_ONE = "labels-from-one"
    UNBALANCED_SETS = "unbalanced-sets"
    TOO_FEW_NON_MEMBERS = "too-few-non-members"


@dataclass(frozen=True)
class BundleWarning:
    """A reason not to trust an audit with the bundle.

    Attributes:
        code: which warning it is.
        text: one or two sentences for people.
    """

    code: BundleWarningCode
    text: str


@dataclass(frozen=True)
class MadeBundle:
    """A bundle that was made.

    Attributes:
        path: of the file or folder.
        sha256: of it.
        sources: the paths of the sources.
        inputs: the names, shapes and types of its rows.
        counts: the rows of each class, in the order of the classes.
        classes: the names of the classes; empty if they have none.
        members: the number of members.
        non_members: the number of non-members, without auxiliary rows.
        auxiliary: the number of auxiliary rows.
        groups: the number of groups; None if rows have none.
        model: the path of the model that it was checked with, or None.
        accuracy: of that model, or None.
        notes: what was done to the rows that a user may not expect.
        warnings: reasons not to trust an audit with it.
    """

    path: Path
    sha256: str
    sources: tuple[str, ...]
    inputs: tuple[TensorSpec, ...]
    counts: tuple[int, ...]
    classes: tuple[str, ...]
    members: int
    non_members: int
    auxiliary: int
    groups: int | None
    model: Path | None
    accuracy: BundleAccuracy | None
    notes: tuple[str, ...]
    warnings: tuple[BundleWarning, ...]
