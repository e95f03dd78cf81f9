"""The options of a tuning, checked."""

from dataclasses import dataclass

from dynanoise_export.attacks.budgets import repeats_within
from dynanoise_export.attacks.domain import Domain
from dynanoise_export.errors import UsageError
from dynanoise_export.runtimes.provider import Execution
from dynanoise_export.sources.source_model import SourceOptions
from dynanoise_export.tuning.objective import Objective
from dynanoise_export.tuning.settings import Variant


@dataclass(frozen=True)
class TuningOptions:
    """What the user chose; `tune` explains each.

    Raises:
        UsageError: a value is out of bounds.
    """

    objective: Objective
    budget: int
    domain: Domain
    max_accuracy_drop: float
    keep_label: bool | None
    variants: tuple[Variant, ...]
    trials: int
    finalists: int
    sample: int | None
    seed: int
    jobs: int
    storage: str | None
    source_options: SourceOptions | None
    execution: Execution

    def __post_init__(self) -> None:
        repeats_within(self.budget, None)
        for name, value in (("trials", self.trials), ("finalists", self.finalists)):
            if value < 1:
                raise UsageError(f"--{name} must be at least 1, not {value}.")
        if not 0 <= self.max_accuracy_drop <= 1:
            raise UsageError(f"--max-accuracy-drop must be between 0 and 1, not {self.max_accuracy_drop:g}.")

    @property
    def label_choices(self) -> tuple[bool, ...]:
        """Whether answers keep the label: the choices to try."""
        return (False, True) if self.keep_label is None else (self.keep_label,)
