"""Decide what a model's inputs are, and example values for them."""

from collections.abc import Sequence
from pathlib import Path

from dynanoise_export.errors import ModelInputError
from dynanoise_export.runtimes.failed_run import FailedRunError
from dynanoise_export.sources.inputs import draw, fitted, read_example, specs_of
from dynanoise_export.sources.made_up_rows import Runs, dynamic_axes, failed_on, first_that_runs, recipes
from dynanoise_export.sources.naming import naming
from dynanoise_export.sources.source_model import SourceOptions
from dynanoise_export.types import Arrays, TensorSpec


def choose_inputs(
    path: Path,
    format: str,
    options: SourceOptions,
    specs: Sequence[TensorSpec],
    example: Arrays | None = None,
    runs: Runs | None = None,
) -> tuple[Sequence[TensorSpec], Arrays]:
    """Decide what the inputs are: what the user says comes before what the file says.

    Args:
        path: of the user's file, for messages.
        format: of the file, for messages, as in "a state dict".
        options: what the user says.
        specs: what the file says; empty if it says nothing.
        example: values that fit what the file says, if drawn ones might not.
        runs: runs the model on values, so that several made-up ones are tried until it runs; None to try none.

    Returns:
        The inputs, and example values for them.

    Raises:
        UserError: neither the user nor the file says what the inputs are, the user's example does not fit them, or the
            model runs neither on that nor on made-up values.
    """
    specs = options.inputs or specs
    if options.example is not None:
        given = read_example(options.example)
        specs = specs if specs else specs_of(given)
        own = fitted(options.example, given, specs)
        _require_run(path, own, f"the rows of {options.example}", runs)
        return specs, own
    if not specs:
        raise ModelInputError(
            f"{path} is {format}, which does not say its inputs: give them with --input x:batch,3,32,32 "
            "or an example with --example rows.npz."
        )
    if options.inputs:
        example = None
    try:
        with naming(path):
            return specs, _made_up(specs, example, runs)
    except FailedRunError as error:
        rows = options.rows
        if rows is None or not all(spec.name in rows for spec in specs):
            raise failed_on(str(path), "made-up rows", error, _way_out(specs)) from error
        own = fitted(path, rows, specs)
        _require_run(path, own, "the rows of the data", runs)
        return specs, own


def _made_up(specs: Sequence[TensorSpec], example: Arrays | None, runs: Runs | None) -> Arrays:
    """Make up values that the model runs on, unless the file comes with some."""
    if runs is None:
        return draw(specs) if example is None else example
    if example is None:
        return first_that_runs(recipes(specs), specs, runs).rows(specs)
    runs(example)
    return example


def _require_run(path: Path, rows: Arrays, whose: str, runs: Runs | None) -> None:
    try:
        if runs is not None:
            runs(rows)
    except FailedRunError as error:
        raise failed_on(str(path), whose, error, "") from error


def _way_out(specs: Sequence[TensorSpec]) -> str:
    given, axes = "give real rows with --example rows.npz", dynamic_axes(specs)
    if not axes:
        return given
    inputs = " ".join(f"--input {spec}" for spec in specs)
    return f"{given}, or {inputs} with numbers for {', '.join(axes)}"
