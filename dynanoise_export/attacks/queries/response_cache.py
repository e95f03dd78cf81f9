"""A cache of answers beside the report, so that a second run, or one that was cut off, does not ask again."""

import hashlib
from pathlib import Path

import numpy as np

from dynanoise_export.attacks.responses import Answers
from dynanoise_export.files import written_whole

# Raised when other queries are sent for the same stage, so that old answers are not taken for them.
VERSION = 1


class Cache:
    """The answers to the stages of one model and one bundle, each in a file of its own.

    Args:
        folder: where the files lie; made with the first of them. None keeps nothing.
        model: the digest of the model that is asked. None keeps nothing either: another model may have taken its place.
        bundle: the digest of the rows.
    """

    def __init__(self, folder: Path | None, model: str | None, bundle: str) -> None:
        self._folder = folder if model is not None else None
        self._key = hashlib.sha256(f"{VERSION} {model} {bundle}".encode()).hexdigest()[:16]

    def load(self, stage: str) -> Answers | None:
        """Give the answers of an earlier run, or None."""
        if self._folder is None:
            return None
        try:
            with self._path(self._folder, stage).open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                return Answers(file["log_p"], file["spread"], file["right"], int(file["count"]))
        except Exception:  # a file that is missing, or was damaged, is asked for again
            return None

    def save(self, stage: str, answers: Answers) -> Answers:
        """Keep a stage's answers, and give them back.

        Raises:
            UserError: the folder can't be written to.
        """
        if self._folder is not None:
            self._folder.mkdir(exist_ok=True)
            with written_whole(self._path(self._folder, stage)) as staged, staged.open("wb") as file:
                np.savez(file, log_p=answers.log_p, spread=answers.spread, right=answers.right, count=answers.count)
        return answers

    def _path(self, folder: Path, stage: str) -> Path:
        return folder / f"{self._key}.{stage}.npz"
