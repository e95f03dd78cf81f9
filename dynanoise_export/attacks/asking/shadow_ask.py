"""Ask a shadow model: it answers an attacker's queries through the same defence as the target."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import log_softmax

from dynanoise_export.attacks.asking.client import SMALLEST
from dynanoise_export.defences.base import Defence, standard_normals
from dynanoise_export.defences.guards.guard import Guard
from dynanoise_export.graph.attach import attach
from dynanoise_export.graph.specs import fixed_batch
from dynanoise_export.graph.values import OUTPUT_NAME
from dynanoise_export.noise.input_noise import INPUT_NAME, InputNoise
from dynanoise_export.noise.keyed.key import BYTES, Key
from dynanoise_export.noise.keyed.keyed_noise import DEFAULT_GRIDS, KeyedNoise
from dynanoise_export.noise.noise import Noise
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.runtimes.fixed_batch import any_rows
from dynanoise_export.runtimes.graph_session import open_graph
from dynanoise_export.runtimes.predictor import Closing, Predictor, predict
from dynanoise_export.runtimes.provider import ON_CPU, Execution
from dynanoise_export.sources.find_logits import find_logits
from dynanoise_export.sources.open_source import open_source
from dynanoise_export.sources.reference_model import Reference
from dynanoise_export.sources.source_model import SourceOptions
from dynanoise_export.types import Arrays, Float32s, Floats, row_count


@dataclass(frozen=True)
class ShadowDefence:
    """The target's defence, as an attacker puts it on shadow models.

    Attributes:
        defence: None for an undefended target.
        noise: its noise source; None if it has none, or if it is not known, which counts as fresh noise.
        grids: of keyed noise; empty for the default. The key is the attacker's own, another one for each model.
        guard: on the target's inputs; None if there is none. Its secrets are drawn anew for each model, as the key is.
    """

    defence: Defence | None
    noise: NoiseSource | None = None
    grids: tuple[float, ...] = ()
    guard: Guard | None = None

    @property
    def fresh(self) -> bool:
        """Whether a repeated query gets other noise."""
        return self.defence is not None and self.defence.takes_noise and self.noise is not NoiseSource.KEYED

    def noise_for(self, model: int) -> Noise | None:
        """Make the noise source of a shadow model: fresh noise is fed, keyed noise has the attacker's own key."""
        if self.fresh:
            return InputNoise()
        if self.defence is None or not self.defence.takes_noise:
            return None
        # The key need not be secret, and gives the same figures again.
        return KeyedNoise(Key(model.to_bytes(BYTES, "big")), self.grids or DEFAULT_GRIDS)


class ShadowAsk(Closing):
    """Asks one shadow model; a context manager.

    Args:
        path: of its ONNX file, undefended.
        number: of the model, from which its noise follows.
        defended: the defence that it gets.
        options: what its own file does not say.
        execution: how ONNX Runtime runs it.
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
        execution: Execution = ON_CPU,
        sent: Callable[[int], None] | None = None,
    ) -> None:
        self._source = open_source(path, options)
        self._number, self._defended, self._sent = number, defended, sent or _nobody
        self._execution = execution
        self._generator = np.random.default_rng(number)
        self._guard = self._own_guard()
        self._opened = ExitStack()
        self._undefended: Reference | None = None
        self._behind: Predictor | None = None

    def logits(self, inputs: Arrays) -> Float32s:
        """Ask the model without the defence: logits float32 [b, k]."""
        return self._logits(inputs, None)

    def _logits(self, inputs: Arrays, guard: Guard | None) -> Float32s:
        if self._undefended is None:
            # One thread for each model, because many models answer at the same time.
            self._undefended = self._opened.enter_context(Reference(self._source, 1, self._execution))
        logits = self._undefended.logits(self._named(inputs), guard).astype(np.float32)
        self._sent(len(logits))
        return logits

    def answers(self, inputs: Arrays) -> Floats:
        """Send each of b queries once; `query_plan.Ask` says what comes back."""
        defence = self._defended.defence
        if defence is None:
            return np.asarray(log_softmax(self.logits(inputs), axis=1))
        self._sent(row_count(inputs))
        # As a client reads a file's answers, so that very small probabilities are lost here too.
        answers = np.log(np.maximum(self._answers(inputs), SMALLEST))
        return np.asarray(log_softmax(defence.undo(answers), axis=1))

    def mean(self, inputs: Arrays, count: int) -> Floats:
        """Send each of b queries `count` times, and average the answers.

        The model runs once; its answers differ by their noise alone.
        """
        defence = self._defended.defence
        if defence is None or count == 1 or not self._defended.fresh:
            return self.answers(inputs)
        logits = self._logits(inputs, self._guard)
        return np.asarray(log_softmax(defence.mean_answer(logits, count, self._generator), axis=1))

    def close(self) -> None:
        """Close the model."""
        self._opened.close()

    def _answers(self, inputs: Arrays) -> Float32s:
        """Ask the model behind the defence, in the graph that a defended file has: probabilities float32 [b, k]."""
        if self._behind is None:
            self._behind = self._opened.enter_context(self._open())
        rows = self._named(inputs)
        fed = {spec.name: rows[spec.name].astype(spec.dtype, copy=False) for spec in self._source.inputs}
        if self._defended.fresh:
            like = np.empty((row_count(inputs), self._source.classes), np.float32)
            fed[INPUT_NAME] = standard_normals(like, self._generator)
        name, classes = str(self._source.path), self._source.classes
        return predict(self._behind, fed, OUTPUT_NAME, name=name, classes=classes).astype(np.float32)

    def _named(self, inputs: Arrays) -> Arrays:
        """Name the rows as this model does: with one input the name does not matter, as in a bundle."""
        names = [spec.name for spec in self._source.inputs]
        return dict(zip(names, inputs.values(), strict=True)) if len(names) == len(inputs) == 1 else inputs

    def _open(self) -> Predictor:
        defence = self._defended.defence
        if defence is None:
            raise ValueError("there is no defence to attach")
        model = self._source.to_onnx(None)
        logits = find_logits(model, self._source)
        noise = self._defended.noise_for(self._number)
        attach(model, logits, self._source.classes, defence, noise, guard=self._guard)
        return any_rows(open_graph(model, self._execution, threads=1), fixed_batch(self._source.inputs))

    def _own_guard(self) -> Guard | None:
        """Give the target's guard, under this model's names, with secrets of the attacker's own."""
        guard, names = self._defended.guard, [spec.name for spec in self._source.inputs]
        if guard is None:
            return None
        guard = guard.redrawn(np.random.default_rng(self._number))
        if len(guard.bounds) != 1 or len(names) != 1:
            return guard
        return guard.renamed(dict.fromkeys(guard.bounds, names[0]))


def _nobody(queries: int) -> None:
    """Count nothing."""
