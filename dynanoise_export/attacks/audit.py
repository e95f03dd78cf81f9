"""The rows that attacks are judged on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dynanoise_export.bundles import Bundle, Part, bundle_sha256, load_bundle, require_disjoint
from dynanoise_export.errors import UserError
from dynanoise_export.sources.inputs import TensorSpec


@dataclass(frozen=True)
class Audit:
    """The n rows of a bundle, of which it is known who is a member.

    Attributes:
        path: of the bundle.
        sha256: of the bundle.
        inputs: an array for each input of the model, all of n rows.
        y: int64 [n], the labels, which an attacker knows.
        member: bool [n], whether the row was trained on, which an attacker is to find out.
        judged: bool [n], whether attacks are judged on the row. The others are auxiliary: no members, as the attacker
            knows.
    """

    path: Path
    sha256: str
    inputs: dict[str, npt.NDArray[np.generic]]
    y: npt.NDArray[np.int64]
    member: npt.NDArray[np.bool_]
    judged: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.y)

    @property
    def members(self) -> int:
        """How many of the judged rows are members."""
        return int((self.member & self.judged).sum())

    @property
    def non_members(self) -> int:
        """How many of the judged rows are none."""
        return int((~self.member & self.judged).sum())


def open_audit(path: Path, inputs: Sequence[TensorSpec]) -> Audit:
    """Open a bundle for an audit.

    Args:
        path: of the bundle.
        inputs: what the model takes.

    Raises:
        UserError: it can't be read, or it is no audit: labels or membership are missing, all rows are of one side, a
            row is on both, or values are no numbers.
    """
    bundle = load_bundle(path, [spec.name for spec in inputs])
    missing = [name for name, array in (("y", bundle.y), ("member", bundle.member)) if array is None]
    if missing or bundle.y is None or bundle.member is None:
        raise UserError(f"{path} is no audit: it has no array {missing[0]!r}, and an attack needs x, y and member.")
    rows = {spec.name: _cast(path, bundle.inputs[spec.name], spec) for spec in inputs}
    judged = _judged(bundle)
    audit = Audit(path, bundle_sha256(path), rows, bundle.y, bundle.member & judged, judged)
    for count, side in ((audit.members, "members"), (audit.non_members, "non-members")):
        if count == 0:
            raise UserError(f"{path} is no audit: it holds no {side}.")
    if audit.y.min() < 0:
        raise UserError(f"{path} has a label below 0: {audit.y.min()}.")
    require_disjoint(path, {name: array[judged] for name, array in rows.items()}, audit.member[judged])
    return audit


def _judged(bundle: Bundle) -> npt.NDArray[np.bool_]:
    if bundle.split is None:
        return np.ones(len(bundle), dtype=bool)
    return np.asarray(bundle.split != Part.AUXILIARY)


def _cast(path: Path, array: npt.NDArray[np.generic], spec: TensorSpec) -> npt.NDArray[np.generic]:
    if array.dtype.kind not in "biuf":
        raise UserError(f"{path} holds {array.dtype} for the input {spec.name!r}, and no numbers.")
    broken = array.dtype.kind == "f" and any(not np.isfinite(part).all() for part in np.array_split(array, 64))
    if broken:
        raise UserError(f"{path} holds values that are no numbers (NaN or infinite) for the input {spec.name!r}.")
    return array if array.dtype == np.dtype(spec.dtype) else array.astype(spec.dtype)
