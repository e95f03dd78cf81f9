"""A cache of answers beside the report, so that a second run, or one that was interrupted, sends no query twice.

Each file is signed with a key that lies elsewhere, together with what they answer. Answers that somebody
else wrote, or that belong to other queries, are not used.
"""

import hashlib
import hmac
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dynanoise_export.attacks.asking.cache_key import cache_key
from dynanoise_export.files import written_whole
from dynanoise_export.types import Array

# Raised when a stage of the same name sends other queries, so that old answers are not taken for new ones.
VERSION = 4
# The signature, and the time of writing: one line before the arrays.
LONGEST_HEAD = 200
# The name of their number among the arrays of a file.
ANSWERS = "number_of_answers"


@dataclass(frozen=True)
class CachedAnswers:
    """What a run took from its cache.

    Attributes:
        count: how many answers.
        oldest: when the first of them was written, in UTC and ISO 8601.
        newest: when the last of them was written.
    """

    count: int
    oldest: str
    newest: str


class ResponseCache:
    """What one model answered about one bundle, a file for each stage of the queries.

    Args:
        folder: for the files; made with the first of them. None caches nothing.
        model: the digest of the model. None caches nothing either, because another model may replace this one.
        bundle: the digest of the rows.

    Attributes:
        reused: what was loaded: how many answers, and when they were written.
        refused: the names of the files whose signature is missing or wrong.
        without_key: whether there are no files because there is no key to sign them.
    """

    def __init__(self, folder: Path | None, model: str | None, bundle: str) -> None:
        self._answered = f"{VERSION} {model} {bundle}"
        self._key = None if folder is None or model is None else cache_key()
        self._folder = None if self._key is None else folder
        self.reused: list[tuple[int, str]] = []
        self.refused: list[str] = []
        self.without_key = folder is not None and model is not None and self._key is None

    def load(self, stage: str) -> dict[str, Array] | None:
        """Load what an earlier run saved for a stage; None if there is nothing that this user's runs wrote."""
        if self._folder is None:
            return None
        path = self._path(self._folder, stage)
        if not path.is_file():  # not asked before
            return None
        try:
            head, _, content = path.read_bytes().partition(b"\n")
        except OSError:
            return None
        written = self._verified(stage, head, content)
        if written is None:
            self.refused.append(path.name)
            return None
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays = dict(file)
        self.reused.append((int(arrays.pop(ANSWERS)), written))
        return arrays

    def save(self, stage: str, answers: int, **arrays: npt.ArrayLike) -> None:
        """Write what was made of the answers to a stage.

        Args:
            stage: its name, which says all that its queries depend on beside the model and the rows.
            answers: how many there were.
            arrays: by name.

        Raises:
            UserError: the folder can't be written to.
        """
        if self._folder is None:
            return
        buffer = io.BytesIO()
        np.savez(buffer, **{ANSWERS: answers}, **arrays)  # type: ignore[arg-type]  # of an option of savez
        content, written = buffer.getvalue(), datetime.now(UTC).isoformat(timespec="seconds")
        head = json.dumps({"written": written, "signature": self._signature(stage, written, content)})
        self._folder.mkdir(exist_ok=True)
        with written_whole(self._path(self._folder, stage)) as staged:
            staged.write_bytes(head.encode() + b"\n" + content)

    def _verified(self, stage: str, head: bytes, content: bytes) -> str | None:
        """Give the time of writing if the signature is this user's, for this stage."""
        try:
            stated = json.loads(head[:LONGEST_HEAD])
            written, signature = stated["written"], stated["signature"]
            own = hmac.compare_digest(signature, self._signature(stage, written, content))
        except (KeyError, TypeError, ValueError):
            return None
        return written if own else None

    def _signature(self, stage: str, written: str, content: bytes) -> str:
        signed = json.dumps([self._answered, stage, written]).encode() + b"\n" + content
        return hmac.new(self._key or b"", signed, hashlib.sha256).hexdigest()

    def _path(self, folder: Path, stage: str) -> Path:
        asked = hashlib.sha256(f"{self._answered} {stage}".encode()).hexdigest()[:16]
        return folder / f"{asked}.{stage.partition(' ')[0]}.answers"


def cached_answers(caches: Sequence[ResponseCache]) -> CachedAnswers | None:
    """Sum up what several caches gave; None if nothing."""
    reused = [one for cache in caches for one in cache.reused]
    if not reused:
        return None
    times = sorted(written for _, written in reused)
    return CachedAnswers(sum(count for count, _ in reused), times[0], times[-1])
