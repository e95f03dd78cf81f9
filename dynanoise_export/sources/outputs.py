"""Choose the output of a model that holds the logits."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dynanoise_export.errors import UnsupportedModelError, UsageError


@dataclass(frozen=True)
class OutputSpec:
    """One output of a model: its name, whether it holds floats, and its axes (None if unknown)."""

    name: str
    floating: bool
    shape: tuple[int | str | None, ...]

    def __str__(self) -> str:
        return f"{self.name} [{', '.join('?' if axis is None else str(axis) for axis in self.shape)}]"


def choose_output(path: Path, outputs: Sequence[OutputSpec], wanted: str | None) -> OutputSpec:
    """Choose the output that holds one score per class: the one that the user names, or the only one of shape [n, k].

    Args:
        path: of the model, for messages.
        outputs: of the model.
        wanted: the name that the user gave.

    Raises:
        UserError: no output is that of a single-label classifier, or several could be.
    """
    listed = ", ".join(map(str, outputs))
    if wanted is not None:
        named = [output for output in outputs if output.name == wanted]
        if not named:
            raise UsageError(f"{path} has no output {wanted!r}: choose one of {listed} with --logits.")
        _require_classes(path, named[0])
        return named[0]
    candidates = [output for output in outputs if output.floating and len(output.shape) == 2 and output.shape[1] != 1]
    if len(candidates) == 1:
        return candidates[0]
    if not candidates:
        _require_classes(path, next((output for output in outputs if output.floating), outputs[0]))
    called = [output for output in candidates if output.name == "logits"]
    if len(called) == 1:
        return called[0]
    raise UsageError(f"Several outputs of {path} could hold the logits ({listed}): choose one with --logits NAME.")


def _require_classes(path: Path, output: OutputSpec) -> None:
    """Refuse an output that can't be that of a single-label classifier."""
    found = f"The output {output} of {path}"
    if not output.floating:
        raise UnsupportedModelError(f"{found} does not hold floats, so it can't be a classifier's logits.")
    if len(output.shape) == 3:
        raise UnsupportedModelError(
            f"{found} has three axes, like token-level logits, and a defence covers one answer per query."
        )
    if len(output.shape) != 2:
        raise UnsupportedModelError(f"{found} does not have the shape [n, k], one score per class for each query.")
    if output.shape[1] == 1:
        raise UnsupportedModelError(
            f"{found} has one class, like a regression or a binary sigmoid, and a defence needs two or more classes "
            "that exclude each other."
        )
