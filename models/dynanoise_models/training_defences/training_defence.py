"""The interface of a defence at training time: what trains a model, or a stack of models, on its rows."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import ClassVar, Self

import numpy as np
import torch

from dynanoise_export.errors import UsageError
from dynanoise_export.types import Int64s, Progress, no_progress
from dynanoise_models.training.loop import Task, never
from dynanoise_models.training.stack import Stack


@dataclass(frozen=True)
class Training:
    """One training: of a model, or of a stack of models.

    Attributes:
        make: makes the network on the CPU; the seed draws its first weights.
        task: the rows, which of them each model trains on, the seeds and the settings.
        device: where to train.
        reference: int64 [m, r], rows that a defence may look at and that model m does not train on; nobody is judged on
            them. They are auxiliary rows of the bundle; r may be 0.
        stopped: called often; the training ends early when it returns True.
        progress: called after every step.
    """

    make: Callable[[int], torch.nn.Module]
    task: Task
    device: torch.device
    reference: Int64s
    stopped: Callable[[], bool] = never
    progress: Progress = no_progress

    def model(self) -> torch.nn.Module:
        """Make the network, or a stack of one for each seed, with first weights, on the device."""
        singles = [self.make(seed) for seed in self.task.seeds]
        return (Stack(singles) if len(singles) > 1 else singles[0]).to(self.device)

    def require_reference(self, name: str) -> Int64s:
        """Give the reference rows [r] of a single model.

        Raises:
            UsageError: there are none.
        """
        if not self.reference.size:
            raise UsageError(
                f"--defence {name} needs rows that nobody trains on and nobody is judged on, and the bundle has no "
                "auxiliary rows: choose --protocol balanced or v1, or another defence."
            )
        return np.asarray(self.reference[0])


@dataclass(frozen=True)
class Fitted:
    """What a training made.

    Attributes:
        model: the network or the stack, in its final state.
        epochs: how many are done, of `settings.epochs`; fewer if the training was stopped by the user.
        facts: what the training found out, such as the ε of DP-SGD; for the record of the checkpoint.
    """

    model: torch.nn.Module
    epochs: float
    facts: Mapping[str, float]


@dataclass(frozen=True)
class TrainingDefence(ABC):
    """A defence at training time: a frozen dataclass whose fields are its parameters, numbers with a default."""

    #: Its name for `--defence`, in checkpoints and in shadow stores.
    name: ClassVar[str]
    #: What it does, in one line for people.
    summary: ClassVar[str]
    #: Whether several small models can train as one stack.
    stackable: ClassVar[bool] = False

    @classmethod
    def from_parameters(cls, values: Mapping[str, float]) -> Self:
        """Make the defence from parameters by name; those not given have their defaults.

        Raises:
            UsageError: a name is unknown, or a value is not a finite number or out of bounds.
        """
        known = [field.name.rstrip("_") for field in fields(cls)]
        for name, value in values.items():
            if name not in known:
                raise UsageError(
                    f"The defence {cls.name} has no parameter {name!r}; it has {', '.join(known) or 'none'}."
                )
            if not math.isfinite(value):
                raise UsageError(f"{name} must be a finite number, not {value}.")
        spelled = {field.name.rstrip("_"): field.name for field in fields(cls)}
        return cls(**{spelled[name]: value for name, value in values.items()})

    @abstractmethod
    def fit(self, training: Training) -> Fitted:
        """Train a model, or a stack, from its first weights; an interrupted training goes on from its saved state.

        Raises:
            UserError: the rows, the network or the settings can't be used.
        """
