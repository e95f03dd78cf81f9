"""The guards by their kind: made from data, from a range, or from what a file states."""

from collections.abc import Mapping, Sequence

from dynanoise_export.choices import choice
from dynanoise_export.defences.guards.binary_guard import Binary
from dynanoise_export.defences.guards.binary_sphere_guard import BinarySphere
from dynanoise_export.defences.guards.box_guard import Box
from dynanoise_export.defences.guards.guard import Guard, GuardKind
from dynanoise_export.defences.guards.image_guard import Image
from dynanoise_export.defences.guards.sphere_guard import Sphere
from dynanoise_export.errors import FormatError, UsageError, reason_of
from dynanoise_export.fixed_tensors import FixedTensor
from dynanoise_export.types import Arrays, TensorSpec

GUARDS: dict[GuardKind, type[Guard]] = {cls.kind: cls for cls in (Box, Binary, Image, Sphere, BinarySphere)}


def make_guard(
    kind: GuardKind | str,
    specs: Sequence[TensorSpec],
    rows: Arrays | tuple[float, float] | None = None,
    parameters: Mapping[str, float] | None = None,
) -> Guard:
    """Make a guard for a model.

    Args:
        kind: of the guard.
        specs: of the model's inputs.
        rows: rows of which the guard takes the bounds, or a lower and an upper end for all numbers; None only for the
            guards binary and binary-sphere, which need none.
        parameters: of the guard, by name; those that are not given have their defaults.

    Raises:
        UserError: the rows, the range or the parameters do not fit the kind, or the model takes no such inputs.
    """
    kind = choice(GuardKind, kind, "guard")
    chosen = _parameters(kind, parameters or {})
    if kind in (GuardKind.BINARY, GuardKind.BINARY_SPHERE):
        if isinstance(rows, tuple):
            raise UsageError(f"The guard {kind} takes no range: leave it out, or give a bundle with --guard-data.")
        binary = Binary.of_inputs(specs, rows)
        return binary if kind is GuardKind.BINARY else BinarySphere.around(specs, chosen)
    if rows is None:
        raise UsageError(f"The guard {kind} needs rows or a range: add --guard-data BUNDLE or --guard-data LOW:HIGH.")
    of_kind = Image if kind is GuardKind.IMAGE else Box
    made = of_kind.of_range(*rows, specs) if isinstance(rows, tuple) else of_kind.of_rows(rows, specs)
    return Sphere.around(made, specs, chosen) if kind is GuardKind.SPHERE and isinstance(made, Box) else made


def _parameters(kind: GuardKind, given: Mapping[str, float]) -> dict[str, float]:
    defaults = GUARDS[kind].defaults
    for name in given:
        if name not in defaults:
            takes = f"takes {' and '.join(defaults)}" if defaults else "takes none"
            raise UsageError(f"The guard {kind} has no parameter {name!r}: it {takes}.")
    return {**defaults, **given}


def stated_guard(kind: GuardKind, bounds: Mapping[str, Mapping[str, FixedTensor]]) -> Guard:
    """Make the guard that a file states.

    Raises:
        FormatError: its bounds are of another form, or contradict each other.
    """
    try:
        return GUARDS[kind](bounds)
    except (UsageError, ValueError) as error:
        said = reason_of(error) if isinstance(error, UsageError) else "its bounds have another form"
        raise FormatError(f"The guard is damaged: {said}.") from error
