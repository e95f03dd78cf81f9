"""A cache of responses beside the report, so that a second run, or one that was interrupted, sends no query twice.

Each file is signed with a key that lies elsewhere, together with what its responses answer. Responses that somebody
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

from dynanoise_export.attacks.queries.cache_key import cache_key
from dynanoise_export.attacks.responses import Responses
from dynanoise_export.files import written_whole

# Raised when a stage of the same name sends other queries, so that old responses are not taken for new ones.
VERSION = 3
# The signature, and the time of writing: one line before the arrays.
LONGEST_HEAD = 200


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
    """The responses of one model to one bundle, a file for each stage of a query plan.

    Args:
        folder: for the files; made with the first of them. None caches nothing.
        model: the digest of the model. None caches nothing either, because another model may replace this one.
        bundle: the digest of the rows.

    Attributes:
        reused: the responses that were loaded: how many answers, and when they were written.
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

    def load(self, stage: str) -> Responses | None:
        """Load the responses of an earlier run; None if there are none that this user's runs wrote."""
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
            responses = Responses(file["log_p"], file["spread"], file["correct"], int(file["count"]))
        self.reused.append((responses.count * len(responses.log_p), written))
        return responses

    def save(self, stage: str, responses: Responses) -> Responses:
        """Write the responses of a stage, and return them.

        Raises:
            UserError: the folder can't be written to.
        """
        if self._folder is not None:
            buffer = io.BytesIO()
            np.savez(
                buffer,
                log_p=responses.log_p,
                spread=responses.spread,
                correct=responses.correct,
                count=responses.count,
            )
            content, written = buffer.getvalue(), datetime.now(UTC).isoformat(timespec="seconds")
            head = json.dumps({"written": written, "signature": self._signature(stage, written, content)})
            self._folder.mkdir(exist_ok=True)
            with written_whole(self._path(self._folder, stage)) as staged:
                staged.write_bytes(head.encode() + b"\n" + content)
        return responses

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
        return folder / f"{hashlib.sha256(self._answered.encode()).hexdigest()[:16]}.{stage}.answers"


def cached_answers(caches: Sequence[ResponseCache]) -> CachedAnswers | None:
    """Sum up what several caches gave; None if nothing."""
    reused = [one for cache in caches for one in cache.reused]
    if not reused:
        return None
    times = sorted(written for _, written in reused)
    return CachedAnswers(sum(count for count, _ in reused), times[0], times[-1])
