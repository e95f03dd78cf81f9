"""Find keys of keyed noise in foreign files, so that no model takes one for its weights."""

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dynanoise_export.noise.keyed.key import BYTES, LARGEST_FILE, is_key

DIGITS = 2 * BYTES
# A run of digits covers two neighbours of these steps, whatever its place; those between are looked at for speed.
STEP = DIGITS // 2
BETWEEN = STEP // 4
CHUNK = 1 << 20
# Equal weights can look like a run of few different digits; a key has at least as many different ones as this.
FEWEST_DIGITS = 5
# So many places are not looked at one by one.
MANY = 1000

_RUN = re.compile(rb"[0-9a-fA-F]{%d}" % DIGITS)
_BLANKS = re.compile(rb"[\s\0]+")
_IS_DIGIT = np.isin(np.arange(256), list(b"0123456789abcdefABCDEF"))


def holds_key(path: Path) -> bool:
    """Whether a file is that of a key, or holds the digits of a key anywhere.

    Args:
        path: of a regular file of any size; it is read in pieces.

    Raises:
        OSError: it can't be read.
    """
    with path.open("rb") as file:
        rest = file.read(LARGEST_FILE + 1)
        if len(rest) <= LARGEST_FILE and is_key(_BLANKS.sub(b"", rest)):
            return True
        while rest:
            read = file.read(CHUNK)
            if _has_run(rest + read):
                return True
            rest = (rest + read)[-DIGITS:] if read else b""
    return False


def _has_run(content: bytes) -> bool:
    digits: npt.NDArray[np.bool_] = _IS_DIGIT[np.frombuffer(content, np.uint8)[::BETWEEN]]
    width = STEP // BETWEEN
    if digits.size <= width:
        return _is_run(content)
    runs = np.logical_and.reduce([digits[i : digits.size - width + i] for i in range(width + 1)])
    starts: list[int] = (np.flatnonzero(runs) * BETWEEN).tolist()
    if len(starts) > MANY:
        return _is_run(content)
    return any(_is_run(content[max(0, start - STEP) : start + DIGITS + STEP]) for start in starts)


def _is_run(content: bytes) -> bool:
    return any(len(set(found.lower())) >= FEWEST_DIGITS for found in _RUN.findall(content))
