"""Clients of a model: they send rows and get log-probabilities, and see nothing else."""

from typing import Protocol

import numpy as np
from scipy.special import log_softmax

from dynanoise_export.deployed.session import Session
from dynanoise_export.errors import EndpointError, UnsupportedModelError
from dynanoise_export.graph.logits import Scale
from dynanoise_export.graph.specs import fixed_batch
from dynanoise_export.probabilities import distributed
from dynanoise_export.runtimes.predictor import BATCH_ROWS
from dynanoise_export.sources.find_logits import scale_of
from dynanoise_export.sources.reference_model import Reference
from dynanoise_export.types import Arrays, Float32s

# A probability of 0 counts as the smallest normal number of float32.
SMALLEST = np.finfo(np.float32).tiny


class Client(Protocol):
    """Somebody who queries a model."""

    @property
    def name(self) -> str:
        """The name of the model, for messages."""

    @property
    def batch(self) -> int:
        """The number of rows to send at once, at most."""

    def log_probabilities(self, rows: Arrays) -> Float32s:
        """Send at most `batch` rows, and get log-probabilities float32 [b, k].

        Raises:
            UserError: the model does not take the rows, or its answers are not probabilities.
        """


class SessionClient:
    """A client of a deployed model.

    Args:
        session: of the model.
        defended: whether the answers must be probabilities. An undefended model may give logits; its first answers
            decide which of the two they are.
    """

    def __init__(self, session: Session, *, defended: bool) -> None:
        self._session = session
        self._scale = Scale.PROBABILITIES if defended else Scale.UNKNOWN
        self.name, self.batch = session.model.name, session.batch

    def log_probabilities(self, rows: Arrays) -> Float32s:
        """Send at most `batch` rows, and get log-probabilities float32 [b, k].

        Raises:
            UserError: the model does not take the rows, or its answers are not probabilities.
        """
        answers = self._session.answer(rows)
        _require_classes(self.name, answers)
        if self._scale is Scale.UNKNOWN:
            self._scale = scale_of(answers)
        return _log_softmax(self.name, answers) if self._scale is Scale.LOGITS else _logarithm(self.name, answers)


class ReferenceClient:
    """A client of the undefended reference.

    Args:
        reference: the opened reference.
    """

    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        self.name, self.batch = str(reference.source.path), fixed_batch(reference.source.inputs) or BATCH_ROWS

    def log_probabilities(self, rows: Arrays) -> Float32s:
        """Send at most `batch` rows, and get log-probabilities float32 [b, k].

        Raises:
            UserError: the reference does not take the rows, or its answers are not finite.
        """
        logits = self._reference.logits(rows).astype(np.float32)
        _require_classes(self.name, logits)
        return _log_softmax(self.name, logits)


def _require_classes(name: str, answers: Float32s) -> None:
    if answers.ndim != 2 or answers.shape[1] < 2:
        shape = list(answers.shape)
        raise UnsupportedModelError(f"{name} is not a classifier: its answers to a batch have the shape {shape}.")


def _logarithm(name: str, probabilities: Float32s) -> Float32s:
    sound = distributed(probabilities)
    if not sound.all():
        raise EndpointError(
            f"{name} gives answers that are not probabilities, for {(~sound).sum()} of {len(sound)} rows of a batch: "
            "dynanoise-export validate says more."
        )
    return np.asarray(np.log(np.maximum(probabilities, SMALLEST)))


def _log_softmax(name: str, logits: Float32s) -> Float32s:
    # A logit of minus infinity is a probability of 0; any other value that is not finite makes a row meaningless.
    if not np.isfinite(logits.max(axis=1)).all():
        raise EndpointError(f"{name} gives answers that are not finite (NaN or infinity).")
    log_p = log_softmax(logits, axis=1)
    return np.asarray(np.where(np.isneginf(log_p), np.log(SMALLEST), log_p), dtype=np.float32)
