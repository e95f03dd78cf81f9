"""The secret key of keyed noise, and the file that it is kept in."""

import hashlib
import os
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path

from dynanoise_export.errors import UserError

BYTES = 32


@dataclass(frozen=True)
class Key:
    """256 secret bits. They are in no text that is made of a key: not in its `repr`, nor in a traceback.

    Attributes:
        secret: the bits.
    """

    secret: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """What may be told of the key: it tells two keys apart, and nothing of either."""
        return self.stream("fingerprint", 8).hex()

    def stream(self, label: str, length: int) -> bytes:
        """Derive so many bytes for one purpose, which tell nothing of the key or of those for another purpose.

        SHAKE-256 of the key and the label (FIPS 202).
        """
        return hashlib.shake_256(self.secret + label.encode()).digest(length)


@dataclass(frozen=True)
class KeyFile:
    """A key, and the file that holds it or is to hold it.

    Attributes:
        path: of the file.
        key: the key.
        new: whether the key was made just now, and the file is not there yet.
    """

    path: Path
    key: Key
    new: bool

    def save(self) -> None:
        """Write a new key for its owner's eyes alone; a key that came out of the file is left alone.

        Raises:
            UserError: the file can't be written, or somebody else wrote it meanwhile.
        """
        if not self.new:
            return
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IRUSR | stat.S_IWUSR)
        except OSError as error:
            raise UserError(f"Can't write the key to {self.path}: {error.strerror}.") from error
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(self.key.secret.hex() + "\n")
        except OSError as error:
            self.path.unlink()
            raise UserError(f"Can't write the key to {self.path}: {error.strerror}.") from error


def key_beside(path: Path) -> Path:
    """Tell where the key of a defended file is kept unless the user says otherwise."""
    return path.with_name(f"{path.name}.key")


def new_key() -> Key:
    """Make a key of the operating system's random bits."""
    return Key(secrets.token_bytes(BYTES))


def key_for(path: Path) -> KeyFile:
    """Take the key from a file, or make one for it if there is no such file.

    Raises:
        UserError: the file holds no key, can't be read, or can be read by others.
    """
    try:
        path.stat()
    except FileNotFoundError:
        return KeyFile(path, new_key(), new=True)
    except OSError as error:
        raise UserError(f"Can't read the key {path}: {error.strerror}.") from error
    return KeyFile(path, read_key(path), new=False)


def read_key(path: Path) -> Key:
    """Read a key from its file: 64 hexadecimal digits.

    Raises:
        UserError: the file holds no key, can't be read, or can be read by others.
    """
    try:
        text = path.read_text(encoding="ascii").strip()
        mode = path.stat().st_mode
    except OSError as error:
        raise UserError(f"Can't read the key {path}: {error.strerror}.") from error
    except UnicodeDecodeError:
        text, mode = "", 0
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UserError(f"The key {path} can be read by others than its owner: chmod 600 it, or make a new one.")
    try:
        secret = bytes.fromhex(text)
    except ValueError:
        secret = b""
    if len(secret) != BYTES:
        raise UserError(f"{path} holds no key: a key is {2 * BYTES} hexadecimal digits.")
    return Key(secret)
