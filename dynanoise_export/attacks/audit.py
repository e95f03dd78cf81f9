"""The rows on which attacks are judged."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dynanoise_export.bundles import Bundle, Part, bundle_sha256, load_bundle, require_disjoint
from dynanoise_export.errors import DataError
from dynanoise_export.layouts import require_layout
from dynanoise_export.types import Array, Bools, Int64s, TensorSpec


@dataclass(frozen=True)
class Audit:
    """The n rows of a bundle, with their labels and their membership.

    Attributes:
        path: of the bundle.
        sha256: of the bundle.
        inputs: an array for each input of the model, all of n rows.
        y: int64 [n], the labels, which an attacker knows.
        member: bool [n], whether the row was trained on, which an attacker wants to find out.
        judged: bool [n], whether attacks are judged on the row. The others are auxiliary: non-members, and the attacker
            knows it.
        group: str [n], whom each row is about; None if the bundle does not say.
        classes: the names of the classes; empty if the bundle does not state them.
        canary: bool [n], whether the row was put in with a wrong label, to be the most exposed; None if there are none.
        sampled: int64 [n], the rows' numbers in the bundle, if the audit has only a sample of them; None for all rows.
    """

    path: Path
    sha256: str
    inputs: dict[str, Array]
    y: Int64s
    member: Bools
    judged: Bools
    group: npt.NDArray[np.str_] | None = None
    classes: tuple[str, ...] = ()
    canary: Bools | None = None
    sampled: Int64s | None = None

    def __len__(self) -> int:
        return len(self.y)

    @property
    def judged_numbers(self) -> Int64s:
        """The numbers in the bundle of the rows on which attacks are judged."""
        return np.flatnonzero(self.judged) if self.sampled is None else self.sampled[self.judged]

    @property
    def asked(self) -> str:
        """What was asked about, for the cache of the answers: the bundle, and the sample of its rows."""
        if self.sampled is None:
            return self.sha256
        return f"{self.sha256} {len(self.sampled)} rows {hashlib.sha256(self.sampled.tobytes()).hexdigest()}"

    @property
    def members(self) -> int:
        """The number of members among the judged rows."""
        return int((self.member & self.judged).sum())

    @property
    def non_members(self) -> int:
        """The number of non-members among the judged rows."""
        return int((~self.member & self.judged).sum())

    @property
    def member_share(self) -> float:
        """The share of members among the judged rows."""
        return self.members / (self.members + self.non_members)

    def class_name(self, label: int) -> str:
        """Name a class: by its name if the bundle states it, by its number if not."""
        return self.classes[label] if label < len(self.classes) else str(label)


def open_audit(path: Path, inputs: Sequence[TensorSpec]) -> Audit:
    """Open a bundle for an audit.

    Args:
        path: of the bundle.
        inputs: what the model takes.

    Raises:
        UserError: it can't be read, or can't be used for an audit: labels or membership are missing, there are no
            members or no non-members, a row is both, or values are not numbers.
    """
    bundle = load_bundle(path, [spec.name for spec in inputs])
    missing = [name for name, array in (("y", bundle.y), ("member", bundle.member)) if array is None]
    if missing or bundle.y is None or bundle.member is None:
        raise DataError(f"{path} has no array {missing[0]!r}: an audit needs x, y and member.")
    rows = {spec.name: _cast(path, bundle.inputs[spec.name], spec) for spec in inputs}
    judged = _judged(bundle)
    member = bundle.member & judged
    digest = bundle_sha256(path)
    audit = Audit(path, digest, rows, bundle.y, member, judged, bundle.group, bundle.classes, bundle.canary)
    for count, kind in ((audit.members, "members"), (audit.non_members, "non-members")):
        if count == 0:
            raise DataError(f"{path} has no {kind}: an audit needs members and non-members.")
    if audit.y.min() < 0:
        raise DataError(f"{path} has a label below 0: {audit.y.min()}.")
    require_disjoint(path, {name: array[judged] for name, array in rows.items()}, audit.member[judged])
    return audit


def _judged(bundle: Bundle) -> Bools:
    if bundle.split is None:
        return np.ones(len(bundle), dtype=bool)
    return np.asarray(bundle.split != Part.AUXILIARY)


def _cast(path: Path, array: Array, spec: TensorSpec) -> Array:
    if array.dtype.kind not in "biuf":
        raise DataError(f"{path} has values of type {array.dtype} for the input {spec.name!r}, which are not numbers.")
    broken = array.dtype.kind == "f" and any(not np.isfinite(part).all() for part in np.array_split(array, 64))
    if broken:
        raise DataError(f"{path} has values that are not finite (NaN or infinity) for the input {spec.name!r}.")
    require_layout(str(path), array, spec)
    return array if array.dtype == np.dtype(spec.dtype) else array.astype(spec.dtype)
