"""A guard on the inputs, for the terminal and for JSON documents."""

from typing import Any, TypedDict

from dynanoise_export.defences.guards.guard import Guard
from dynanoise_export.reports.terminal import Row


class GuardDocument(TypedDict):
    """A guard on the inputs.

    Attributes:
        kind: box, binary, image, sphere or binary-sphere.
        bounds: for each guarded input its tensors by name, as nested lists; without those that act like a key.
    """

    kind: str
    bounds: dict[str, dict[str, Any]]


def guard_document(guard: Guard | None) -> GuardDocument | None:
    """Describe a guard; None if there is none."""
    if guard is None:
        return None
    bounds = {
        name: {key: tensor.array.tolist() for key, tensor in tensors.items() if key not in guard.secret_names}
        for name, tensors in guard.bounds.items()
    }
    return {"kind": guard.kind, "bounds": bounds}


def guard_rows(guard: Guard | None) -> list[Row]:
    """Give the row of a guard, with a line for each input; none if there is no guard."""
    if guard is None:
        return []
    return [("guard", [f"{guard.kind}, {name}: {guard.described(name)}" for name in guard.bounds])]
