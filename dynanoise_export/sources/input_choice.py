"""Settle what a model's inputs are, and values for them."""

from collections.abc import Sequence
from pathlib import Path

from dynanoise_export.errors import UserError
from dynanoise_export.sources.inputs import Arrays, TensorSpec, draw, fitted, read_example, specs_of
from dynanoise_export.sources.source_model import SourceOptions


def settle_inputs(
    path: Path, kind: str, options: SourceOptions, specs: Sequence[TensorSpec], fitting: Arrays | None = None
) -> tuple[Sequence[TensorSpec], Arrays]:
    """Settle what the inputs are and values for them: the user's word, then the file's.

    Raises:
        UserError: neither says it, or the two words of the user disagree.
    """
    specs = options.inputs or specs
    if options.example is not None:
        example = read_example(options.example)
        specs = specs if specs else specs_of(example)
        return specs, fitted(options.example, example, specs)
    if not specs:
        raise UserError(
            f"{path} is {kind}, which does not say its inputs: give them with --input x:batch,3,32,32 "
            "or an example with --example rows.npz."
        )
    return specs, fitting if fitting and not options.inputs else draw(specs)
