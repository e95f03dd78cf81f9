"""What the library knows of a user's model, whatever file it came from."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import onnx_ir as ir

from dynanoise_export.sources.inputs import Arrays, TensorSpec

if TYPE_CHECKING:  # an ONNX file is opened without PyTorch
    import torch


@dataclass(frozen=True)
class SourceModel:
    """An opened classifier.

    Attributes:
        path: the user's file or folder.
        format: what it was found to be, in a few words.
        sha256: of the file, or of the files together.
        inputs: named, with types and dynamic axes, in the order in which the model takes them.
        example: values for the inputs, the user's or made up; at least two rows.
        output: the name of the output that holds the logits, or what becomes of them (a softmax, say).
        classes: k.
        dropped: the names of the model's other outputs.
        module: the PyTorch side, taking the inputs by name or in order; None for an ONNX file.
        to_onnx: makes the undefended ONNX model, for an opset or (None) for the one that suits best.
        labels: the names of the classes, in their order; empty where the file does not say them.
    """

    path: Path
    format: str
    sha256: str
    inputs: tuple[TensorSpec, ...]
    example: Arrays = field(repr=False)
    output: str
    classes: int
    dropped: tuple[str, ...]
    module: "torch.nn.Module | None" = field(repr=False)
    to_onnx: Callable[[int | None], ir.Model] = field(repr=False)
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class SourceOptions:
    """What a user may say about a model that its file does not say.

    Attributes:
        arch: MODULE:FACTORY, with keyword arguments as JSON behind a "?", for a bare state dict.
        inputs: the model's inputs, where the file does not say them.
        example: an .npz of example values.
        logits: the name of the output, or of a value of an ONNX graph, that holds the logits.
        allow_pickle: run the code that a pickle holds.
    """

    arch: str | None = None
    inputs: tuple[TensorSpec, ...] = ()
    example: Path | None = None
    logits: str | None = None
    allow_pickle: bool = False
