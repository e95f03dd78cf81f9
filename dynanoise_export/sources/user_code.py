"""Import what MODULE:NAME says, from the working directory as well as from what is installed."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path
from typing import Any

from dynanoise_export.errors import UsageError, first_line


@contextmanager
def importing_from(folder: Path) -> Iterator[None]:
    """Within the block, modules of a folder can be imported, before installed ones."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        if str(folder) in sys.path:
            sys.path.remove(str(folder))


def find_named(option: str, location: str) -> Any:
    """Import what a user names with MODULE:NAME.

    Args:
        option: that it was named with, for messages.
        location: MODULE:NAME; the name may have dots.

    Raises:
        UsageError: it has another form, or can't be imported.
    """
    module_name, _, name = location.partition(":")
    if not (module_name and name):
        raise UsageError(f"{option} {location} is not MODULE:FUNCTION: write it as package.module:function.")
    try:
        return attrgetter(name)(importlib.import_module(module_name))
    except (Exception, SystemExit) as error:  # a user's own code can raise anything
        reason = f"{type(error).__name__}: {first_line(error)}"
        raise UsageError(f"{option} {location} can't be imported: {reason}") from error
