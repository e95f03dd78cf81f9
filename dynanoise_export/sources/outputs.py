"""Which of a model's outputs holds the logits, and what speaks against it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dynanoise_export.errors import UserError


@dataclass(frozen=True)
class OutputSpec:
    """One output of a model: its name, whether it holds floats, and its axes (None where unknown)."""

    name: str
    floating: bool
    shape: tuple[int | str | None, ...]

    def __str__(self) -> str:
        return f"{self.name} [{', '.join('?' if axis is None else str(axis) for axis in self.shape)}]"


def choose_output(path: Path, outputs: Sequence[OutputSpec], wanted: str | None) -> OutputSpec:
    """Choose the output that holds one score a class: the one asked for, or the only one of shape [n, k].

    Args:
        path: of the model, to name it.
        outputs: of the model.
        wanted: the name that the user gave.

    Raises:
        UserError: no output is a single-label classifier's, or several might be.
    """
    listed = ", ".join(map(str, outputs))
    if wanted is not None:
        named = [output for output in outputs if output.name == wanted]
        if not named:
            raise UserError(f"{path} has no output {wanted!r}; it has {listed}.")
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
    raise UserError(f"Several outputs of {path} could hold the logits ({listed}): say which with --logits NAME.")


def _require_classes(path: Path, output: OutputSpec) -> None:
    seen = f"The output {output} of {path}"
    if not output.floating:
        raise UserError(f"{seen} holds no floats, so it can't be a classifier's logits.")
    if len(output.shape) == 3:
        raise UserError(f"{seen} has three axes, as token-level logits have, and DynaNoise defends one answer a query.")
    if len(output.shape) != 2:
        raise UserError(f"{seen} is not of shape [n, k], one score a class for each query.")
    if output.shape[1] == 1:
        raise UserError(
            f"{seen} has one class, as a regression or a binary sigmoid has, and DynaNoise needs two classes or more "
            "that exclude each other."
        )
