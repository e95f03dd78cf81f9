"""Files: digests, and writing a file whole or not at all."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dynanoise_export.errors import FileAccessError


def sha256(*paths: Path) -> str:
    """Compute the SHA-256 of one file, or of several: of their names and digests, sorted by name."""
    if len(paths) == 1:
        with paths[0].open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    whole = hashlib.sha256()
    for path in sorted(paths, key=lambda p: p.name):
        whole.update(f"{path.name} {sha256(path)}\n".encode())
    return whole.hexdigest()


def require_writable(path: Path) -> None:
    """Check, before long work, that a file can be written; the path `-` is standard output.

    Raises:
        FileAccessError: its folder is missing or can't be written to, or it is a folder itself.
    """
    if str(path) == "-":
        return
    if path.is_dir():
        raise FileAccessError(f"Can't write {path}: it is a folder.")
    if not os.access(path.parent, os.W_OK):
        raise FileAccessError(f"Can't write {path}: the folder {path.parent} is missing or not writable.")


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a path in a temporary folder to write to; the file is moved to `path` if the block ends without an error.

    Files written beside it (an ONNX file's external data) are moved as well, before it.

    Raises:
        FileAccessError: the folder of `path` can't be written to.
    """
    require_writable(path)
    with _staging(path) as staging:
        yield staging / path.name
        for made in sorted(staging.iterdir(), key=lambda p: p.name == path.name):
            made.replace(path.parent / made.name)


@contextmanager
def folder_written_whole(path: Path) -> Iterator[Path]:
    """Give an empty folder to write to; it replaces the folder `path` if the block ends without an error.

    Raises:
        FileAccessError: the parent folder of `path` can't be written to.
    """
    with _staging(path) as staging:
        made = staging / path.name
        made.mkdir()
        yield made
        if path.is_dir():  # a folder can't be renamed onto one that is not empty
            path.replace(staging / "replaced")
        made.replace(path)


@contextmanager
def _staging(path: Path) -> Iterator[Path]:
    """Give a temporary folder beside `path`, so that its files can be renamed into place."""
    try:
        staging = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise FileAccessError(f"Can't write {path}: {error.strerror} ({path.parent}).") from error
    try:
        yield staging
    except OSError as error:
        raise FileAccessError(f"Can't write {path}: {error.strerror}.") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
