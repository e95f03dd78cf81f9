"""DP-SGD (Abadi et al. 2016) through Opacus: the one defence here that proves how much a row can change the model."""

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch

from dynanoise_export.defences.base import require_between, require_whole
from dynanoise_export.errors import UsageError
from dynanoise_export.packages import require_packages
from dynanoise_models.training.rows import Rows
from dynanoise_models.training.settings import Settings
from dynanoise_models.training_defences.training_defence import Fitted, Training, TrainingDefence


@dataclass(frozen=True)
class DpSgd(TrainingDefence):
    """DP-SGD.

    Its ε and δ bound what one row can do, added or left out, when each step draws every row independently. They are
    found with the accountant of Rényi differential privacy (Mironov et al. 2019). The noise comes from the seed of the
    training, so they hold only against who does not know it.

    Attributes:
        epsilon: ε, which sets the noise, unless `noise_multiplier` does.
        delta: δ; 0 for the largest power of ten that is at most 1/n.
        max_grad_norm: the largest norm of a row's gradient; longer ones are shortened.
        noise_multiplier: the standard deviation of the noise on the sum of the gradients, divided by `max_grad_norm`;
            0 to find it from `epsilon`.
        batch: the expected rows of a step; 0 for the target's own number.
        learning_rate: 0 for the target's own.
    """

    epsilon: float = 8.0
    delta: float = 0.0
    max_grad_norm: float = 1.0
    noise_multiplier: float = 0.0
    batch: float = 0.0
    learning_rate: float = 0.0

    name = "dpsgd"
    summary = "clipped and noisy gradients, with a proof of what one row can do"

    def __post_init__(self) -> None:
        """Check the parameters."""
        require_between("epsilon", self.epsilon, 0.01, 1e4)
        require_between("delta", self.delta, 0, 0.1)
        require_between("max_grad_norm", self.max_grad_norm, 0, 1e6, open_low=True)
        require_between("noise_multiplier", self.noise_multiplier, 0, 1e4)
        require_between("batch", self.batch, 0, 1e6)
        require_whole("batch", self.batch)
        require_between("learning_rate", self.learning_rate, 0, 100)

    def fit(self, training: Training) -> Fitted:
        """Train a model; the facts are its ε, its δ, and the noise that they need.

        Raises:
            UserError: Opacus is missing, the network mixes the rows of a batch, the rows are tokens, or no noise gives
                this ε.
        """
        require_packages("--defence dpsgd needs", "opacus")
        from dynanoise_models.training_defences.private_loop import PrivateLoop

        model, rows = training.model(), training.task.indices.shape[1]
        _require_separate_rows(model, training.task.rows)
        task = replace(training.task, settings=self._settings(training.task.settings))
        steps = math.ceil(rows / task.settings.batch)
        delta = self.delta or 10.0 ** -math.ceil(math.log10(rows))
        noise_multiplier = self.noise_multiplier or noise_for(
            self.epsilon, delta, 1 / steps, steps * task.settings.epochs
        )
        gpus = [training.device] if training.device.type == "cuda" else []
        with _quiet(), torch.random.fork_rng(devices=gpus):
            torch.manual_seed(task.seeds[0])
            loop = PrivateLoop(model, task, training.device, noise_multiplier, self.max_grad_norm)
            epochs = loop.run(training.progress, training.stopped)
        facts = {
            "epsilon": epsilon_of(noise_multiplier, delta, 1 / steps, round(epochs * steps)),
            "delta": delta,
            "noise_multiplier": noise_multiplier,
            "max_grad_norm": self.max_grad_norm,
        }
        return Fitted(loop.trained(), epochs, facts)

    def _settings(self, own: Settings) -> Settings:
        """Change the target's settings; 16 bits would round the clipped gradients."""
        return replace(
            own, batch=int(self.batch) or own.batch, learning_rate=self.learning_rate or own.learning_rate,
            mixed_precision=False,
        )  # fmt: skip


def epsilon_of(noise_multiplier: float, delta: float, sample_rate: float, steps: int) -> float:
    """Compute the ε that a number of steps spends.

    Args:
        noise_multiplier: the standard deviation of the noise, divided by the largest norm of a gradient.
        delta: δ.
        sample_rate: the probability that a row is in a step.
        steps: how many.
    """
    from opacus.accountants import RDPAccountant

    accountant = RDPAccountant()
    accountant.history = [(noise_multiplier, sample_rate, steps)] if steps else []
    with _quiet():
        return float(accountant.get_epsilon(delta)) if steps else 0.0


def noise_for(epsilon: float, delta: float, sample_rate: float, steps: int) -> float:
    """Find the noise multiplier whose ε after a number of steps is at most, and nearly, the one given.

    Raises:
        UsageError: even the largest noise gives a larger ε.
    """
    from opacus.accountants.utils import get_noise_multiplier

    try:
        with _quiet():
            return float(
                get_noise_multiplier(
                    target_epsilon=epsilon, target_delta=delta, sample_rate=sample_rate, steps=max(steps, 1),
                    accountant="rdp", epsilon_tolerance=min(0.01, epsilon / 100),
                )
            )  # fmt: skip
    except ValueError as error:
        raise UsageError(
            f"No noise gives epsilon = {epsilon:g} with delta = {delta:g} after {steps:,} steps: choose a larger "
            "epsilon or fewer epochs."
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Ignore warnings of no use: other orders could give a smaller ε, and nobody needs the gradients of the inputs."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Optimal order is the")
        warnings.filterwarnings("ignore", message="Full backward hook is firing")
        yield


def _require_separate_rows(model: torch.nn.Module, rows: Rows) -> None:
    """Check that the gradient of each row can be told from the others'.

    Raises:
        UsageError: it can't.
    """
    from opacus.validators import ModuleValidator

    if ModuleValidator.validate(model.train()):
        raise UsageError(
            "--defence dpsgd can't train this network, because its batch normalisation mixes the rows of a batch: "
            "choose a target without batch normalisation, or another defence."
        )
    if not all(np.issubdtype(values.dtype, np.floating) for values in rows.inputs.values()):
        raise UsageError(
            "--defence dpsgd can't train a network that takes tokens, because all rows share its positions: choose a "
            "target whose inputs are fractions, or another defence."
        )
