"""Choose the output of a model that holds the logits."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dynanoise_export.errors import UnsupportedModelError, UsageError

Axes = tuple[int | str | None, ...]


@dataclass(frozen=True)
class OutputSpec:
    """One output of a model: its name, whether it holds floats, and its axes (None if unknown)."""

    name: str
    floating: bool
    shape: Axes

    @property
    def columns(self) -> int | str | None:
        """The number of scores for each row: k of [n, k] and of [n, k, 1, 1], 1 of [n]; None for other shapes."""
        wide = [axis for axis in self.shape[1:] if axis != 1]
        if len(self.shape) == 2:
            return self.shape[1]
        if not self.shape or len(wide) > 1 or not all(isinstance(axis, int) for axis in wide):
            return None
        return wide[0] if wide else 1

    def classes(self, *, binary: bool) -> int:
        """Give k; a single score stands for two classes if `binary`."""
        return 2 if binary else self.columns if isinstance(self.columns, int) else 0

    def __str__(self) -> str:
        return f"{self.name} [{', '.join('?' if axis is None else str(axis) for axis in self.shape)}]"


def choose_output(path: Path, outputs: Sequence[OutputSpec], wanted: str | None, *, binary: bool = False) -> OutputSpec:
    """Choose the output that holds one score per class: the one that the user names, or the only one of shape [n, k].

    Args:
        path: of the model, for messages.
        outputs: of the model.
        wanted: the name that the user gave.
        binary: choose an output with a single score, which stands for two classes.

    Raises:
        UserError: no output is that of a single-label classifier, or several could be.
    """
    listed = ", ".join(map(str, outputs))
    if wanted is not None:
        named = [output for output in outputs if output.name == wanted]
        if not named:
            raise UsageError(f"{path} has no output {wanted!r}: choose one of {listed} with --logits.")
        _require_classes(path, named[0], binary=binary)
        return named[0]
    candidates = [output for output in outputs if output.floating and _fits(output, binary=binary)]
    if len(candidates) == 1:
        return candidates[0]
    if not candidates:
        _require_classes(path, next((output for output in outputs if output.floating), outputs[0]), binary=binary)
    called = [output for output in candidates if output.name == "logits"]
    if len(called) == 1:
        return called[0]
    raise UsageError(f"Several outputs of {path} could hold the logits ({listed}): choose one with --logits NAME.")


def _fits(output: OutputSpec, *, binary: bool) -> bool:
    if binary:
        return output.columns == 1
    return output.columns != 1 and (output.columns is not None or len(output.shape) == 2)


def _require_classes(path: Path, output: OutputSpec, *, binary: bool) -> None:
    """Refuse an output that can't be that of a single-label classifier."""
    found = f"The output {output} of {path}"
    if not output.floating:
        raise UnsupportedModelError(
            f"{found} does not hold floats, so it can't be a classifier's logits: name a value that holds them with "
            "--logits NAME, if the model has one."
        )
    if _fits(output, binary=binary):
        return
    if output.columns == 1:
        raise UnsupportedModelError(
            f"{found} has one score: if it is that of the second of two classes, add --binary; a regression can't be "
            "defended."
        )
    if binary:
        raise UsageError(f"{found} does not have a single score for each query: leave --binary out.")
    if len(output.shape) == 3:
        raise UnsupportedModelError(
            f"{found} has three axes, like scores for several tokens or several labels, and a defence covers one "
            "answer per query."
        )
    raise UnsupportedModelError(f"{found} does not have the shape [n, k], one score per class for each query.")
