"""What is compared: trainings, heads and their compositions, for each target."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dynanoise_models.experiments import ExperimentOptions
from dynanoise_models.training.settings import DefenceName

NO_DEFENCE = "none"


@dataclass(frozen=True)
class Training:
    """How a target and its shadow models are trained.

    Attributes:
        name: of the folder, and in the tables.
        defence: at training time.
        parameters: of the defence; those not given have its defaults.
        epochs: None for the target's own.
        shadows: the number of shadow models; None for that of the comparison.
    """

    name: str
    defence: DefenceName = DefenceName.NONE
    parameters: Mapping[str, float] = field(default_factory=dict)
    epochs: int | None = None
    shadows: int | None = None

    def options(self, rows: int | None) -> ExperimentOptions:
        """Give the options of the training."""
        return ExperimentOptions(
            rows=rows, epochs=self.epochs, defence=self.defence, defence_parameters=self.parameters
        )

    def command(self) -> str:
        """Write the options of `dynanoise-models train`."""
        epochs = "" if self.epochs is None else f" --epochs {self.epochs}"
        if self.defence is DefenceName.NONE:
            return epochs.strip()
        parameters = "".join(f" --parameter {name}={value:g}" for name, value in self.parameters.items())
        return f"--defence {self.defence}{parameters}{epochs}"


@dataclass(frozen=True)
class Head:
    """A defence at inference time, with its noise and its guard: the options of `export`.

    Attributes:
        name: of the file, and in the tables.
        defence: in the registry.
        parameters: of the defence; those not given have its defaults.
        noise: where it comes from; None for the default.
        keep_label: whether answers keep the undefended label.
        fitted: whether the defence is fitted to the model, on the rows of the bundle.
        shadows: whether it also learns from the shadow models.
        guard: on the inputs; None for none.
        guard_parameters: of the guard; those not given have its defaults.
    """

    name: str
    defence: str
    parameters: Mapping[str, float] = field(default_factory=dict)
    noise: str | None = None
    keep_label: bool = False
    fitted: bool = False
    shadows: bool = False
    guard: str | None = None
    guard_parameters: Mapping[str, float] = field(default_factory=dict)

    def command(self) -> str:
        """Write the options of `export`."""
        parts = ["" if self.defence == "dynanoise" else f"--defence {self.defence}"]
        parts += [_option(name, value) for name, value in self.parameters.items()]
        parts += ["" if self.noise is None else f"--noise {self.noise}", "--keep-label" if self.keep_label else ""]
        parts += ["--defence-data BUNDLE" if self.fitted else "", "--defence-shadows STORE" if self.shadows else ""]
        parts += ["" if self.guard is None else f"--guard {self.guard}"]
        # Guards of binary inputs need no rows.
        parts += ["--guard-data BUNDLE"] if self.guard in ("box", "image") else []
        parts += [f"--guard-parameter {name}={value:g}" for name, value in self.guard_parameters.items()]
        return " ".join(part for part in parts if part)


# The name of a training, and a head.
Case = tuple[str, Head]


@dataclass(frozen=True)
class Comparison:
    """What is compared on one target.

    Attributes:
        target: its name.
        shadows: the number of shadow models of each training.
        trainings: by their names.
        cases: pairs of a training and a head.
        rows: of the data set, as many as two cores can train on; None for all.
        sample: how many rows are judged; None for all.
        budget: the most queries for each row.
        remember: whether each model's logits for a row are computed once, for all heads and for repeated queries.
    """

    target: str
    shadows: int
    trainings: Mapping[str, Training]
    cases: tuple[Case, ...]
    rows: int | None = None
    sample: int | None = None
    budget: int = 64
    remember: bool = False


def _option(name: str, value: float) -> str:
    own = ("sigma0", "base_variance", "lambda", "temperature")
    return f"--{name.replace('_', '-')} {value:g}" if name in own else f"--parameter {name}={value:g}"
