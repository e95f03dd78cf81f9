"""A setting of a defence: its parameters, and whether answers keep the label."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dynanoise_export.defences.base import Defence, SearchRange
from dynanoise_export.defences.catalogue import make_defence
from dynanoise_export.defences.guards.guard import Guard
from dynanoise_export.fixed_tensors import FixedTensor
from dynanoise_export.noise.source import NoiseSource

if TYPE_CHECKING:  # an optional package
    import optuna

KEEP_LABEL = "keep_label"
# Parameters are rounded to so many digits.
DIGITS = 3


@dataclass(frozen=True)
class Setting:
    """A setting of a defence.

    Attributes:
        defence: its name in the registry.
        parameters: by name; those not given have their defaults.
        keep_label: whether answers keep the undefended label.
    """

    defence: str
    parameters: Mapping[str, float] = field(default_factory=dict)
    keep_label: bool = False

    def make(self, tensors: Mapping[str, FixedTensor]) -> Defence:
        """Make the defence.

        Args:
            tensors: of a defence that is fitted to the model; empty for others.

        Raises:
            UserError: a parameter is out of bounds.
        """
        return make_defence(self.defence, self.parameters, tensors=tensors, keep_label=self.keep_label)


@dataclass(frozen=True)
class Variant:
    """What a setting is exported with, and what logits alone do not show.

    Attributes:
        noise: the noise source; None for a defence without noise.
        grids: of keyed noise; empty for the default.
        guard: on the inputs, or None.
        guard_options: the options of `export` that make the guard, for people.
    """

    noise: NoiseSource | None = None
    grids: tuple[float, ...] = ()
    guard: Guard | None = None
    guard_options: tuple[str, ...] = ()


@dataclass(frozen=True)
class SearchSpace:
    """Where settings are looked for.

    Attributes:
        defence: its name in the registry.
        ranges: of its parameters.
        keep_label: the choices; one or both of true and false.
    """

    defence: str
    ranges: Mapping[str, SearchRange]
    keep_label: tuple[bool, ...]

    def suggested(self, trial: "optuna.Trial") -> Setting:
        """Let a trial of Optuna choose a setting."""
        values = {name: _suggested(trial, name, where) for name, where in self.ranges.items()}
        return self.setting_of(values | {KEEP_LABEL: trial.suggest_categorical(KEEP_LABEL, self.keep_label)})

    def setting_of(self, chosen: Mapping[str, Any]) -> Setting:
        """Give the setting of what a trial chose, by name, rounded: a command to paste gives it exactly."""
        values = {name: float(f"{chosen[name]:.{DIGITS}g}") for name in self.ranges}
        return Setting(self.defence, values, bool(chosen[KEEP_LABEL]))


def _suggested(trial: "optuna.Trial", name: str, where: SearchRange) -> float:
    if where.whole:
        return trial.suggest_int(name, int(where.low), int(where.high), log=where.log)
    return trial.suggest_float(name, where.low, where.high, log=where.log)
