"""Files: digests, and writing a file whole or not at all."""

import hashlib
import itertools
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dynanoise_export.errors import FileAccessError, UsageError, first_line

DEVICES, PROCESSES = Path("/dev"), Path("/proc")
# Of an output's name in that of its temporary folder, so that the whole is not too long.
LONGEST_PREFIX = 40


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

    A device, a pipe or a socket is refused: a file that appears whole replaces what has its name.

    Raises:
        FileAccessError: its folder is missing or can't be written to, its name is impossible, or it is a folder or
            anything else that is not a file itself.
    """
    if str(path) == "-":
        return
    _require_replaceable(path)
    if not os.access(path.parent, os.W_OK):
        raise FileAccessError(f"Can't write {path}: the folder {path.parent} is missing or not writable.")


def _require_replaceable(path: Path) -> None:
    try:
        mode = path.stat().st_mode
        folder = path.parent.resolve()
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:  # a name with NUL is a ValueError
        raise FileAccessError(f"Can't write {path}: {_reason(error)}.") from error
    if stat.S_ISDIR(mode):
        raise FileAccessError(f"Can't write {path}: it is a folder.")
    # /dev/stdout may lead to a file, and it must not be replaced all the same.
    if not stat.S_ISREG(mode) or folder == DEVICES or folder.is_relative_to(PROCESSES):
        raise FileAccessError(f"Can't write {path}: it is a device, a pipe or a socket, not a file.")


def require_different(files: Mapping[str, Path | None]) -> None:
    """Check that files that a command reads and writes are not the same, under another name or through a link.

    Args:
        files: by what each is, for the message; None and `-` count as no file.

    Raises:
        UsageError: two are the same.
    """
    given = [(what, path) for what, path in files.items() if path is not None and str(path) != "-"]
    for (one, first), (other, second) in itertools.combinations(given, 2):
        if is_same(first, second):
            raise UsageError(f"{first} is {one} and {other} at once: give another path for one of them.")


def is_same(first: Path, second: Path) -> bool:
    """Whether two paths lead to the same file, which need not exist."""
    try:
        return first.samefile(second)  # also for hard links, and where capital letters make no difference
    except (OSError, ValueError):
        pass
    try:
        return first.resolve() == second.resolve()
    except (OSError, ValueError, RuntimeError):  # an impossible name, or links in a circle
        return False


@contextmanager
def written_whole(path: Path, *, private: bool = False) -> Iterator[Path]:
    """Give a path in a temporary folder to write to; the file is moved to `path` if the block ends without an error.

    Files written beside it (an ONNX file's external data) are moved as well, before it.

    Args:
        path: of the file; a link is replaced, and what it points to stays.
        private: whether only the owner may read the files.

    Raises:
        FileAccessError: the folder of `path` can't be written to, or something that is not a file is in the way.
    """
    require_writable(path)
    with _staging(path) as staging:
        yield staging / path.name
        made = sorted(staging.iterdir(), key=lambda p: p.name == path.name)
        for file in made:
            _require_replaceable(path.parent / file.name)
            if private:
                make_private(file)
        for file in made:
            file.replace(path.parent / file.name)


@contextmanager
def folder_written_whole(path: Path) -> Iterator[Path]:
    """Give an empty folder to write to; it replaces the folder `path` if the block ends without an error.

    Raises:
        FileAccessError: the parent folder of `path` can't be written to, or a file is in the way.
    """
    with _staging(path) as staging:
        made = staging / path.name
        made.mkdir()
        yield made
        if path.is_dir():  # a folder can't be renamed onto one that is not empty
            path.replace(staging / "replaced")
        made.replace(path)


def make_private(file: Path) -> None:
    """Let only the owner read and write a file."""
    file.chmod(stat.S_IRUSR | stat.S_IWUSR)


@contextmanager
def _staging(path: Path) -> Iterator[Path]:
    """Give a temporary folder beside `path`, so that its files can be renamed into place."""
    try:
        staging = Path(tempfile.mkdtemp(prefix=f".{path.name[:LONGEST_PREFIX]}.", dir=path.parent))
    except (OSError, ValueError) as error:  # a name with NUL is a ValueError
        raise FileAccessError(f"Can't write {path}: {_reason(error)} ({path.parent}).") from error
    try:
        yield staging
    except OSError as error:
        raise FileAccessError(f"Can't write {path}: {_reason(error)}.") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _reason(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or first_line(error)
