"""A classifier in PyTorch, in this process or in a confined one, and the source that is made of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import onnx_ir as ir

from dynanoise_export.errors import ModelInputError, UserError
from dynanoise_export.sources.input_choice import choose_inputs
from dynanoise_export.sources.outputs import OutputSpec, choose_output
from dynanoise_export.sources.source_model import SourceModel, SourceOptions
from dynanoise_export.types import Array, Arrays, TensorSpec


@dataclass(frozen=True)
class Conversion:
    """What to convert to ONNX.

    Attributes:
        inputs: of the module; axes with a name become dynamic.
        example: values for them.
        outputs: the names of the module's outputs, in order.
        output: the name of the logits.
        opset: of the ONNX model; None for the most suitable one.
    """

    inputs: tuple[TensorSpec, ...]
    example: Arrays = field(repr=False)
    outputs: tuple[str, ...]
    output: str
    opset: int | None


class SourceModule(Protocol):
    """A classifier in PyTorch, in evaluation mode."""

    def run(self, rows: Arrays) -> dict[str, Array]:
        """Answer rows: an array for each input to an array for each output.

        Raises:
            FailedRunError: the module does not run on these rows.
            UserError: it returns no tensor, or was stopped.
        """

    def to_onnx(self, conversion: Conversion) -> ir.Model:
        """Make the undefended ONNX model.

        Raises:
            UserError: the exporter fails.
        """


@dataclass(frozen=True)
class OpenedModule:
    """A module, and what its file says about its inputs.

    Attributes:
        module: the classifier.
        inputs: that the file states; empty if it states none.
        example: values for them; None if the file has none.
    """

    module: SourceModule
    inputs: tuple[TensorSpec, ...] = ()
    example: Arrays | None = field(default=None, repr=False)


def tried_source(path: Path, format: str, digest: str, opened: OpenedModule, options: SourceOptions) -> SourceModel:
    """Make a source of a module: run it until its inputs are known, and look at its outputs.

    Args:
        path: of the user's file.
        format: of the file, as in "a state dict".
        digest: its sha256.
        opened: the module.
        options: what the user says, which comes first.

    Raises:
        UserError: the inputs are not known, the module does not run on them, or it is not a single-label classifier.
    """
    module = opened.module

    def runs(rows: Arrays) -> list[tuple[int, ...]]:
        return [answer.shape for answer in module.run(rows).values()]

    inputs, example = choose_inputs(path, format, options, opened.inputs, opened.example, runs)
    source = described_source(path, format, digest, OpenedModule(module, tuple(inputs), example), options)
    _require_any_batch(source)
    return source


def described_source(path: Path, format: str, digest: str, opened: OpenedModule, options: SourceOptions) -> SourceModel:
    """Make a source of a module whose inputs are all known, with values for them: run it, and look at its outputs.

    Raises:
        UserError: the module does not run on them, or is not a single-label classifier.
    """
    example = opened.example or {}
    answers = opened.module.run(example)
    described = [_describe(name, answer) for name, answer in answers.items()]
    chosen = choose_output(path, described, options.logits, binary=options.scores.binary)

    def to_onnx(opset: int | None) -> ir.Model:
        return opened.module.to_onnx(Conversion(opened.inputs, example, tuple(answers), chosen.name, opset))

    return SourceModel(
        path=path,
        format=format,
        sha256=digest,
        inputs=opened.inputs,
        example=example,
        output=chosen.name,
        classes=chosen.classes(binary=options.scores.binary),
        scores=options.scores,
        dropped=tuple(name for name in answers if name != chosen.name),
        module=opened.module,
        to_onnx=to_onnx,
    )


def _require_any_batch(source: SourceModel) -> None:
    """Run one row more: a trace may hold the batch of its example, and then gives wrong answers or none."""
    batched = [spec.name for spec in source.inputs if spec.shape and isinstance(spec.shape[0], str)]
    if not batched or source.module is None:
        return
    larger = {name: np.concatenate([a, a[:1]]) if name in batched else a for name, a in source.example.items()}
    rows = len(source.example[batched[0]])
    try:
        if len(source.module.run(larger)[source.output]) == rows + 1:
            return
    except UserError:
        pass
    axis = next(str(spec.shape[0]) for spec in source.inputs if spec.name in batched)
    raise fixed_axis(source.path, source.inputs, axis, rows)


def fixed_axis(path: Path, specs: Sequence[TensorSpec], axis: str, size: int) -> ModelInputError:
    """Make the error that a model's code fixes the size of an axis that should be dynamic."""
    shapes = " ".join(
        f"--input {replace(spec, shape=tuple(size if a == axis else a for a in spec.shape))}" for spec in specs
    )
    return ModelInputError(f"{path} only works with a {axis} of {size}: give the sizes that its code fixes, {shapes}.")


def _describe(name: str, answer: Array) -> OutputSpec:
    return OutputSpec(name, answer.dtype.kind == "f", ("batch", *answer.shape[1:]) if answer.ndim else ())
