"""A model that does not run on the rows that it is given."""

from dynanoise_export.errors import EndpointError, ModelInputError
from dynanoise_export.types import Arrays


class FailedRunError(ModelInputError, EndpointError):
    """A model does not run on the rows that it is given: either they do not fit it, or its runtime fails on them.

    Attributes:
        rows: the names, shapes and types of the rows, as in "x [8, 3, 64, 64] float32".
        reason: what the runtime says, in a few words.
    """

    rows: str = ""
    reason: str = ""


def failed_run(model: str, rows: Arrays, reason: str) -> FailedRunError:
    """Make the error that a model does not run on rows.

    Args:
        model: what does not run, as the subject of a sentence.
        rows: that it was given.
        reason: what the runtime says, in a few words.
    """
    described = ", ".join(f"{name} {list(array.shape)} {array.dtype}" for name, array in rows.items())
    error = FailedRunError(f"{model} does not run on {described}: {reason}.")
    error.rows, error.reason = described, reason
    return error
