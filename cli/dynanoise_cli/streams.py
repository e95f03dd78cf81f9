"""The program's own standard output and standard error, which native libraries can't write to."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import TextIO

from dynanoise_export.errors import FileAccessError


class Output(io.TextIOWrapper):
    """Standard output; that it is full or closed is an error of one sentence."""

    def write(self, text: str) -> int:
        """Write a text.

        Raises:
            FileAccessError: it can't be written.
        """
        with self._one_sentence():
            return super().write(text)

    def flush(self) -> None:
        """Write what waits.

        Raises:
            FileAccessError: it can't be written.
        """
        with self._one_sentence():
            super().flush()

    @contextmanager
    def _one_sentence(self) -> Iterator[None]:
        try:
            yield
        except OSError as failed:
            raise FileAccessError(f"Can't write to standard output: {failed.strerror}.") from failed


class Errors(io.TextIOWrapper):
    """Standard error, on which each text appears at once."""

    def write(self, text: str) -> int:
        """Write a text."""
        written = super().write(text)
        self.flush()
        return written


@contextmanager
def own_streams() -> Iterator[None]:
    """Within the block, `sys.stdout` and `sys.stderr` alone reach the terminal; what native code writes is dropped.

    A stream that is not a file of the operating system, as in tests, stays as it is.
    """
    with ExitStack() as streams:
        streams.enter_context(redirect_stdout(streams.enter_context(_own(sys.stdout, Output))))
        streams.enter_context(redirect_stderr(streams.enter_context(_own(sys.stderr, Errors))))
        yield


@contextmanager
def _own(stream: TextIO | None, kind: type[io.TextIOWrapper]) -> Iterator[TextIO]:
    if stream is None:  # the shell closed it
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
            yield nowhere
        return
    try:
        number = stream.fileno()
        stream.flush()
        own = kind(os.fdopen(os.dup(number), "wb"), stream.encoding, "backslashreplace", line_buffering=stream.isatty())
    except OSError:  # not a file
        yield stream
        return
    with Path(os.devnull).open("wb") as dropped:
        os.dup2(dropped.fileno(), number)
    try:
        yield own
    finally:
        os.dup2(own.fileno(), number)
        with suppress(OSError, FileAccessError):  # it was reported, or an earlier error matters more
            own.close()
