"""What the library knows about the user's classifier, whatever its format."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import onnx_ir as ir

from dynanoise_export.sources.score_options import ScoreOptions
from dynanoise_export.types import Arrays, TensorSpec

if TYPE_CHECKING:  # which needs this module
    from dynanoise_export.sources.source_module import SourceModule


@dataclass(frozen=True)
class SourceModel:
    """An opened classifier.

    Attributes:
        path: of the user's file or folder.
        format: in a few words, as in "a TorchScript file".
        sha256: of the file, or of the files together; of an ONNX file, that of its content.
        inputs: with names, types and dynamic axes, in the order in which the model takes them.
        example: values for the inputs, at least two rows: the user's, or made up.
        output: the name of the output that holds the logits, or their softmax.
        classes: k.
        dropped: the names of the model's other outputs.
        module: answers rows in PyTorch; None for an ONNX file.
        to_onnx: makes the undefended ONNX model, for an opset or (None) for the most suitable one.
        labels: the names of the classes, in their order; empty if the file has none.
        scores: what the user says about its scores.
        data_files: that hold weights beside an ONNX file; empty for other formats.
    """

    path: Path
    format: str
    sha256: str
    inputs: tuple[TensorSpec, ...]
    example: Arrays = field(repr=False)
    output: str
    classes: int
    dropped: tuple[str, ...]
    module: "SourceModule | None" = field(repr=False)
    to_onnx: Callable[[int | None], ir.Model] = field(repr=False)
    labels: tuple[str, ...] = ()
    scores: ScoreOptions = field(default_factory=ScoreOptions)
    data_files: tuple[Path, ...] = ()


@dataclass(frozen=True)
class SourceOptions:
    """What a user can say about a classifier that its file does not say.

    Attributes:
        arch: MODULE:FACTORY, with keyword arguments as JSON after a "?", for a bare state dict.
        inputs: of the model.
        example: the path of an .npz with example rows.
        logits: the name of the output, or of a value of an ONNX graph, that holds the logits.
        allow_pickle: run the code that a pickle holds.
        dynamic_batch: make the fixed batch of an ONNX file dynamic.
        scores: what its scores are.
        rows: an array for each input, to try if the model runs on no made-up rows; `example` comes first.
    """

    arch: str | None = None
    inputs: tuple[TensorSpec, ...] = ()
    example: Path | None = None
    logits: str | None = None
    allow_pickle: bool = False
    dynamic_batch: bool = False
    scores: ScoreOptions = field(default_factory=ScoreOptions)
    rows: Arrays | None = field(default=None, repr=False, compare=False)
