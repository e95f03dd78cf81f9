"""The key that signs cached answers: it is the user's own, and does not lie where the answers lie.

Whoever can write into the folder of the answers could otherwise write answers that no model gave.
"""

import contextlib
import os
import secrets
import stat
from pathlib import Path

BYTES = 32


def key_path() -> Path:
    """Give the path of the key, in the user's folder for settings."""
    folder = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(folder) / "dynanoise-export" / "answers.key"


def cache_key() -> bytes | None:
    """Read the key, or make it on the first call; None if it can't be kept, or if others could have written it."""
    try:
        path = key_path()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            _write(path, secrets.token_bytes(BYTES))
        return _read(path)
    except (OSError, RuntimeError):  # no home, or no right to write there
        return None


def _write(path: Path, key: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(key)


def _read(path: Path) -> bytes | None:
    found = path.lstat()
    own = not hasattr(os, "getuid") or (found.st_uid == os.getuid() and not found.st_mode & 0o077)
    if not stat.S_ISREG(found.st_mode) or found.st_size != BYTES or not own:
        return None
    return path.read_bytes()
