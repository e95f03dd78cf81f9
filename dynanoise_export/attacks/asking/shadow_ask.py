"""Ask a shadow model: it answers an attacker's queries through the same defence as the target."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import log_softmax

from dynanoise_export.attacks.asking.client import SMALLEST
from dynanoise_export.defences.base import Defence, standard_normals
from dynanoise_export.noise.keyed.key import BYTES, Key
from dynanoise_export.noise.keyed.keyed_noise import DEFAULT_GRIDS
from dynanoise_export.noise.keyed.reference import keyed_normals
from dynanoise_export.noise.keyed.tables import Tables, derive
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.runtimes.predictor import Closing
from dynanoise_export.sources.open_source import open_source
from dynanoise_export.sources.reference_model import Reference
from dynanoise_export.sources.source_model import SourceOptions
from dynanoise_export.types import Arrays, Float32s, Floats


@dataclass(frozen=True)
class ShadowDefence:
    """The target's defence, as an attacker puts it on shadow models.

    Attributes:
        defence: None for an undefended target.
        noise: its noise source; None if it has none, or if it is not known, which counts as fresh noise.
        grids: of keyed noise; empty for the default. The key is the attacker's own, another one for each model.
    """

    defence: Defence | None
    noise: NoiseSource | None = None
    grids: tuple[float, ...] = ()


def _nobody(queries: int) -> None:
    """Count nothing."""


class ShadowAsk(Closing):
    """Asks one shadow model; a context manager.

    Args:
        path: of its ONNX file, undefended.
        number: of the model, from which its noise follows, and the key of keyed noise.
        options: what its own file does not say.
        defended: the defence that it gets.
        sent: called with the number of queries, after each call.

    Raises:
        UserError: the file can't be opened, or is not a classifier.
    """

    def __init__(
        self,
        path: Path,
        number: int,
        defended: ShadowDefence,
        *,
        options: SourceOptions | None = None,
        sent: Callable[[int], None] | None = None,
    ) -> None:
        # One thread for each model, because many models answer at the same time.
        self._reference = Reference(open_source(path, options), threads=1)
        self._number, self._defended = number, defended
        self._sent = sent or _nobody
        self._generator = np.random.default_rng(number)
        self._tables: Tables | None = None

    def logits(self, inputs: Arrays) -> Float32s:
        """Ask the model without the defence: logits float32 [b, k]."""
        logits = self._reference.logits(inputs).astype(np.float32)
        self._sent(len(logits))
        return logits

    def answers(self, inputs: Arrays) -> Floats:
        """Send each of b queries once; `query_plan.Ask` says what comes back."""
        return self._defend(self.logits(inputs))

    def mean(self, inputs: Arrays, count: int) -> Floats:
        """Send each of b queries `count` times, and average the answers.

        The model runs once; its answers differ by their noise alone.
        """
        logits, defence = self.logits(inputs), self._defended.defence
        if defence is None or not defence.takes_noise or self._defended.noise is NoiseSource.KEYED:
            return self._defend(logits)
        return np.asarray(log_softmax(defence.mean_answer(logits, count, self._generator), axis=1))

    def close(self) -> None:
        """Close the model."""
        self._reference.close()

    def _defend(self, logits: Float32s) -> Floats:
        defence = self._defended.defence
        if defence is None:
            return np.asarray(log_softmax(logits, axis=1))
        # As a client reads a file's answers, so that very small probabilities are lost here too.
        answers = np.log(np.maximum(defence.defend(logits, self._normals(logits)), SMALLEST))
        return np.asarray(log_softmax(defence.undo(answers), axis=1))

    def _normals(self, logits: Float32s) -> Floats:
        if self._defended.noise is not NoiseSource.KEYED:
            return standard_normals(logits, self._generator)
        if self._tables is None:
            self._tables = derive(_own_key(self._number), self._defended.grids or DEFAULT_GRIDS, logits.shape[1])
        return keyed_normals(logits, self._tables)


def _own_key(number: int) -> Key:
    """Make the attacker's own key for a shadow model: it need not be secret, and gives the same figures again."""
    return Key(number.to_bytes(BYTES, "big"))
