"""A cache of responses beside the report, so that a second run, or one that was interrupted, sends no query twice."""

import hashlib
from pathlib import Path

import numpy as np

from dynanoise_export.attacks.responses import Responses
from dynanoise_export.files import written_whole

# Raised when a stage of the same name sends other queries, so that old responses are not taken for new ones.
VERSION = 2


class ResponseCache:
    """The responses of one model to one bundle, a file for each stage of a query plan.

    Args:
        folder: for the files; made with the first of them. None caches nothing.
        model: the digest of the model. None caches nothing either, because another model may replace this one.
        bundle: the digest of the rows.
    """

    def __init__(self, folder: Path | None, model: str | None, bundle: str) -> None:
        self._folder = folder if model is not None else None
        self._key = hashlib.sha256(f"{VERSION} {model} {bundle}".encode()).hexdigest()[:16]

    def load(self, stage: str) -> Responses | None:
        """Load the responses of an earlier run; None if there are none."""
        if self._folder is None:
            return None
        try:
            with self._path(self._folder, stage).open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                return Responses(file["log_p"], file["spread"], file["correct"], int(file["count"]))
        except Exception:  # a file that is missing or damaged: its queries are sent again
            return None

    def save(self, stage: str, responses: Responses) -> Responses:
        """Write the responses of a stage, and return them.

        Raises:
            UserError: the folder can't be written to.
        """
        if self._folder is not None:
            self._folder.mkdir(exist_ok=True)
            with written_whole(self._path(self._folder, stage)) as staged, staged.open("wb") as file:
                np.savez(
                    file,
                    log_p=responses.log_p,
                    spread=responses.spread,
                    correct=responses.correct,
                    count=responses.count,
                )
        return responses

    def _path(self, folder: Path, stage: str) -> Path:
        return folder / f"{self._key}.{stage}.npz"
