"""The defences at training time by name."""

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from dynanoise_models.training.settings import DefenceName

if TYPE_CHECKING:  # `--help` lists the defences without PyTorch
    from dynanoise_models.training_defences.training_defence import TrainingDefence

_PACKAGE = "dynanoise_models.training_defences"

# Where the class of each is.
TRAINING_DEFENCES: Mapping[DefenceName, str] = {
    DefenceName.NONE: f"{_PACKAGE}.plain_training:PlainTraining",
    DefenceName.LABEL_SMOOTHING: f"{_PACKAGE}.label_smoothing:LabelSmoothing",
    DefenceName.RELAXLOSS: f"{_PACKAGE}.relaxloss:RelaxLoss",
    DefenceName.HAMP: f"{_PACKAGE}.hamp:Hamp",
    DefenceName.ADVREG: f"{_PACKAGE}.advreg:AdvReg",
    DefenceName.EARLY_STOPPING: f"{_PACKAGE}.early_stopping:EarlyStopping",
    DefenceName.DROPOUT: f"{_PACKAGE}.dropout:Dropout",
    DefenceName.MIXUP_MMD: f"{_PACKAGE}.mixup_mmd:MixupMMD",
    DefenceName.SELENA: f"{_PACKAGE}.selena:Selena",
    DefenceName.DPSGD: f"{_PACKAGE}.dpsgd:DpSgd",
    DefenceName.OPTIMAL_NOISE: f"{_PACKAGE}.optimal_noise:OptimalNoise",
}


def training_defence_class(name: DefenceName) -> "type[TrainingDefence]":
    """Import the class of a defence."""
    module, _, attribute = TRAINING_DEFENCES[name].partition(":")
    found: type[TrainingDefence] = getattr(importlib.import_module(module), attribute)
    return found


def make_training_defence(name: DefenceName, parameters: Mapping[str, float]) -> "TrainingDefence":
    """Make a defence from its name and its parameters.

    Raises:
        UsageError: there is no such parameter, or a value is out of bounds.
    """
    return training_defence_class(name).from_parameters(parameters)
