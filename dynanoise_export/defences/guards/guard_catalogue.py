"""The guards by their kind: made from data, from a range, or from what a file states."""

from collections.abc import Mapping, Sequence

from dynanoise_export.choices import choice
from dynanoise_export.defences.guards.binary_guard import Binary
from dynanoise_export.defences.guards.box_guard import Box
from dynanoise_export.defences.guards.guard import Guard, GuardKind
from dynanoise_export.defences.guards.image_guard import Image
from dynanoise_export.errors import FormatError, UsageError, reason_of
from dynanoise_export.fixed_tensors import FixedTensor
from dynanoise_export.types import Arrays, TensorSpec

GUARDS: dict[GuardKind, type[Guard]] = {cls.kind: cls for cls in (Box, Binary, Image)}


def make_guard(
    kind: GuardKind | str, specs: Sequence[TensorSpec], rows: Arrays | tuple[float, float] | None = None
) -> Guard:
    """Make a guard for a model.

    Args:
        kind: of the guard.
        specs: of the model's inputs.
        rows: rows of which the guard takes the bounds, or a lower and an upper end for all numbers; None only for the
            guard binary, which needs none.

    Raises:
        UserError: the rows or the range do not fit the kind, or the model takes no floats.
    """
    kind = choice(GuardKind, kind, "guard")
    if kind is GuardKind.BINARY:
        if isinstance(rows, tuple):
            raise UsageError("The guard binary takes no range: leave it out, or give a bundle with --guard-data.")
        return Binary.of_inputs(specs, rows)
    if rows is None:
        raise UsageError(f"The guard {kind} needs rows or a range: add --guard-data BUNDLE or --guard-data LOW:HIGH.")
    of_kind = Box if kind is GuardKind.BOX else Image
    return of_kind.of_range(*rows, specs) if isinstance(rows, tuple) else of_kind.of_rows(rows, specs)


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
