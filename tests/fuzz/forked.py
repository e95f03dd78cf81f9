"""Confined processes as copies of this one, which has imported the libraries: a new one takes seconds for that."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection
from pathlib import Path
from unittest import mock

from dynanoise_export.sources.confined import confined_module, worker
from dynanoise_export.sources.confined.confined_module import CONVERTING_SECONDS


class Copy:
    """A copy of this process, with what the library uses of a `subprocess.Popen`."""

    def __init__(self, folder: Path, connection: Connection, memory: int) -> None:
        self._process = get_context("fork").Process(target=_serve, args=(folder, connection, memory))
        self._process.start()

    @property
    def returncode(self) -> int | None:
        """The status that it ended with, negative for a signal."""
        return self._process.exitcode

    def kill(self) -> None:
        """End it."""
        self._process.kill()

    def wait(self) -> None:
        """Wait until it has ended."""
        self._process.join()


def _serve(folder: Path, connection: Connection, memory: int) -> None:
    os.chdir(folder)
    os.environ["TMPDIR"] = str(folder)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)
    worker.main(connection.fileno(), memory, CONVERTING_SECONDS)
    os._exit(0)


def _start(folder: Path, memory: int) -> tuple[Connection, Copy]:
    ours, theirs = Pipe()
    started = Copy(folder, theirs, memory)
    theirs.close()
    return ours, started


@contextmanager
def forked() -> Iterator[None]:
    """Confine in copies of this process, with the same limits, until the block ends."""
    with mock.patch.object(confined_module, "_start", _start):
        yield
