"""Errors that a user can fix: one base class, and a few kinds that programs can distinguish."""

import re

from dynanoise_export.printable import COLOURS, printable

LONGEST_REASON = 300
# Line ends and other control characters.
BREAKS = re.compile(r" *[\x00-\x1f\x7f-\x9f\u2028\u2029]+ *")


class UserError(Exception):
    """A usage error or an input that can't be used.

    The message is one sentence that names the file and the way out. The command line prints it without a traceback
    and exits with status 2. Programs look at the class or at `code`, for the sentence may change at any time.

    Attributes:
        code: of the kind, stable across versions.
    """

    code = "user-error"

    def __init__(self, message: str = "") -> None:
        super().__init__(one_line(message))


class UsageError(UserError):
    """An option or argument is out of bounds, malformed, or contradicts another."""

    code = "usage"


class MissingPackageError(UserError):
    """A Python package is not installed, or two packages exclude each other."""

    code = "missing-package"


class FileAccessError(UserError):
    """A file or folder is missing, or can't be read or written."""

    code = "file-access"


class FormatError(UserError):
    """A file is damaged, cut short, or not in a known format."""

    code = "format"


class UntrustedCodeError(UserError):
    """A file could run code or reach other files when it is opened."""

    code = "untrusted-code"


class UnsupportedModelError(UserError):
    """A model is not a single-label classifier, or can't be converted."""

    code = "unsupported-model"


class ModelInputError(UserError):
    """A model's inputs are unknown, or the rows given do not fit them."""

    code = "model-input"


class DataError(UserError):
    """A bundle or a shadow store can't be used for an audit."""

    code = "data"


class DefenceError(UserError):
    """A model has no defence, an unknown one, two of them, or outputs that bypass it."""

    code = "defence"


class NoiseError(UserError):
    """Noise would be dead or predictable, or the key of keyed noise does not fit."""

    code = "noise"


class EndpointError(UserError):
    """A runtime, a GPU or a server can't open or run the model."""

    code = "endpoint"


def one_line(text: str) -> str:
    """Give a text on one line, without colours and marks that can't be seen: foreign words may have all three."""
    return printable(BREAKS.sub(" ", COLOURS.sub("", text)).strip())


def first_line(error: BaseException) -> str:
    """Give the first sentence of an exception's message, shortened if long, or its class name if it has none."""
    lines = COLOURS.sub("", str(error)).strip().splitlines()
    line = one_line(lines[0]) if lines else type(error).__name__
    return shortened(re.split(r"\.\s+(?=[A-Z])", line)[0])


def root_of(error: BaseException) -> BaseException:
    """Give the first cause of an exception, which says more than those that were raised from it."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def shortened(text: str) -> str:
    """Cut off the end of a text that is too long for a message."""
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]}…"


def reason_of(error: UserError) -> str:
    """Give an error's message without its full stop, to go on within another sentence."""
    return str(error).rstrip(".")
