"""The secret key of keyed noise, and its file."""

import hashlib
import os
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path

from dynanoise_export.errors import FileAccessError, NoiseError
from dynanoise_export.files import require_writable

BYTES = 32
KEY_SUFFIX = ".key"
# A larger file is not read as a key.
LARGEST_FILE = 4096


@dataclass(frozen=True)
class Key:
    """256 secret bits. No text made from a key shows them: neither its `repr` nor a traceback.

    Attributes:
        secret: the bits.
    """

    secret: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """Sixteen digits that identify the key and reveal nothing else about it, so they may be published."""
        return self.stream("fingerprint", 8).hex()

    def stream(self, label: str, length: int) -> bytes:
        """Derive bytes for one purpose; they reveal neither the key nor the bytes for another purpose.

        SHAKE-256 of the key and the label (FIPS 202).

        Args:
            label: names the purpose.
            length: how many bytes.
        """
        return hashlib.shake_256(self.secret + label.encode()).digest(length)


@dataclass(frozen=True)
class KeyFile:
    """A key and its file.

    Attributes:
        path: of the file.
        key: the key.
        new: whether the key was just made, and the file does not exist yet.
    """

    path: Path
    key: Key
    new: bool

    def save(self) -> None:
        """Write a new key, readable by its owner only; a key that was read from the file is not written again.

        Raises:
            FileAccessError: the file can't be written, or another process wrote it in the meantime.
        """
        if not self.new:
            return
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IRUSR | stat.S_IWUSR)
        except OSError as error:
            raise FileAccessError(f"Can't write the key to {self.path}: {error.strerror}.") from error
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(self.key.secret.hex() + "\n")
        except OSError as error:
            self.path.unlink()
            raise FileAccessError(f"Can't write the key to {self.path}: {error.strerror}.") from error


def key_beside(path: Path) -> Path:
    """Name the key file of a defended file, unless the user names another."""
    return path.with_name(f"{path.name}{KEY_SUFFIX}")


def new_key() -> Key:
    """Make a key from the operating system's random bits."""
    return Key(secrets.token_bytes(BYTES))


def key_for(path: Path) -> KeyFile:
    """Read the key from a file, or make a new key if the file does not exist.

    Raises:
        NoiseError: the file does not hold a key, or others can read it.
        FileAccessError: it can't be read, or a new one can't be written there.
    """
    if _mode(path) is not None:
        return KeyFile(path, read_key(path), new=False)
    require_writable(path)
    return KeyFile(path, new_key(), new=True)


def is_key(content: bytes) -> bool:
    """Whether these are the bytes of a key's file: 64 hexadecimal digits, with any blanks."""
    return _secret(content) is not None


def read_key(path: Path) -> Key:
    """Read a key from its file: 64 hexadecimal digits.

    Raises:
        NoiseError: the file does not hold a key, or others can read it.
        FileAccessError: it can't be read.
    """
    mode = _mode(path)
    if mode is None or not stat.S_ISREG(mode):
        raise FileAccessError(f"Can't read the key {path}: it is {'missing' if mode is None else 'not a file'}.")
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise FileAccessError(f"Can't read the key {path}: {error.strerror}.") from error
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise NoiseError(f"Others than its owner can read or change the key {path}: run chmod 600 on it.")
    secret = _secret(content) if len(content) <= LARGEST_FILE else None
    if secret is None:
        raise NoiseError(f"{path} does not hold a key, which is {2 * BYTES} hexadecimal digits.")
    return Key(secret)


def _mode(path: Path) -> int | None:
    """Give the type and the permissions of a file; None if it does not exist."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:  # a name with NUL is a ValueError
        raise FileAccessError(f"Can't read the key {path}: {getattr(error, 'strerror', None) or error}.") from error


def _secret(content: bytes) -> bytes | None:
    try:
        secret = bytes.fromhex(content.decode("ascii"))
    except ValueError:
        return None
    return secret if len(secret) == BYTES else None
