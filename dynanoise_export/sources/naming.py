"""Errors that name the user's file, raised by functions that do not know it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dynanoise_export.errors import UserError


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Put the path before the message of a user's error in the block; the kind of the error stays.

    It is for calls of functions that do not get the path. Those that get it name it in their messages themselves.
    """
    try:
        yield
    except UserError as error:
        named = type(error)(f"{path}: {error}")
        named.__dict__.update(error.__dict__)
        raise named from error
