"""Decide what a model's inputs are, and example values for them."""

from collections.abc import Sequence
from pathlib import Path

from dynanoise_export.errors import ModelInputError
from dynanoise_export.sources.inputs import draw, fitted, read_example, specs_of
from dynanoise_export.sources.source_model import SourceOptions
from dynanoise_export.types import Arrays, TensorSpec


def choose_inputs(
    path: Path, format: str, options: SourceOptions, specs: Sequence[TensorSpec], example: Arrays | None = None
) -> tuple[Sequence[TensorSpec], Arrays]:
    """Decide what the inputs are: what the user says comes before what the file says.

    Args:
        path: of the user's file, for messages.
        format: of the file, for messages, as in "a state dict".
        options: what the user says.
        specs: what the file says; empty if it says nothing.
        example: values that fit what the file says, if drawn ones might not.

    Returns:
        The inputs, and example values for them.

    Raises:
        UserError: neither the user nor the file says what the inputs are, or the user's example does not fit them.
    """
    specs = options.inputs or specs
    if options.example is not None:
        given = read_example(options.example)
        specs = specs if specs else specs_of(given)
        return specs, fitted(options.example, given, specs)
    if not specs:
        raise ModelInputError(
            f"{path} is {format}, which does not say its inputs: give them with --input x:batch,3,32,32 "
            "or an example with --example rows.npz."
        )
    return specs, example if example and not options.inputs else draw(specs)
