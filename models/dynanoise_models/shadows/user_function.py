"""The user's own training code: a function that trains one model."""

import importlib
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from dynanoise_export.errors import UsageError, first_line
from dynanoise_export.files import sha256
from dynanoise_export.sources.user_code import find_named, importing_from

OPTION = "--train"
Result = TypeVar("Result")


@dataclass(frozen=True)
class UserFunction:
    """A function of the user's own code, by its name: a worker imports it again.

    Attributes:
        name: MODULE:FUNCTION.
        folder: where its module may be, beside the installed ones.
    """

    name: str
    folder: Path

    @contextmanager
    def imported(self) -> Iterator[Callable[..., Any]]:
        """Give the function. Within the block, its module's neighbours can be imported, and prints go to stderr.

        Raises:
            UsageError: it can't be imported, or is not a function.
        """
        with importing_from(self.folder), redirect_stdout(sys.stderr):  # JSON may go to standard output
            function = find_named(OPTION, self.name)
            if not callable(function):
                raise UsageError(f"{OPTION} {self.name} is a {type(function).__name__}, not a function.")
            yield function

    @property
    def file(self) -> Path | None:
        """The source file of its module; None if the module has none."""
        file = getattr(importlib.import_module(self.name.partition(":")[0]), "__file__", None)
        return None if file is None else Path(file)

    def digest(self) -> str:
        """Compute the SHA-256 of the source file; "" if there is none."""
        with self.imported():
            return "" if self.file is None else sha256(self.file)

    def run(self, call: Callable[[], Result]) -> Result:
        """Run the user's code, within `imported`.

        Raises:
            UsageError: it raised an error; the message names the line.
        """
        try:
            return call()
        except (MemoryError, KeyboardInterrupt):  # another try may have more memory
            raise
        except (Exception, SystemExit) as error:  # a user's own code can raise anything
            reason = f"{type(error).__name__}: {first_line(error).rstrip('.')}"
            raise UsageError(f"{OPTION} {self.name} failed at {self._place(error)} with {reason}.") from error

    def _place(self, error: BaseException) -> str:
        """Give the last line of the user's own file that an error came through."""
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if self.file is not None and Path(frame.filename) == self.file]
        last = (own or list(frames))[-1]
        return f"line {last.lineno} of {Path(last.filename).name}"
