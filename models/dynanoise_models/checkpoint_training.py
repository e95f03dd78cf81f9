"""How a checkpoint was trained, so that its shadow models are trained in the same way."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, TypeAdapter, ValidationError

from dynanoise_export.bundles import bundle_sha256
from dynanoise_export.errors import DataError, FormatError, UsageError
from dynanoise_export.records import Record, reading, record_of
from dynanoise_models.checkpoints import read_checkpoint
from dynanoise_models.experiments import ExperimentOptions
from dynanoise_models.protocols import Protocol
from dynanoise_models.starting import find_target
from dynanoise_models.training.settings import Settings


class _Training(Record):
    """The part of a checkpoint that says how it was trained."""

    settings: dict[str, Any]
    protocol: str
    seed: int = Field(ge=0)
    rows: int | None
    started_from: str | None
    canaries: int = Field(0, ge=0)
    epochs: float
    bundle_sha256: str


@dataclass(frozen=True)
class CheckpointTraining:
    """How a checkpoint was trained.

    Attributes:
        path: of the checkpoint.
        target: a name in `TARGETS`.
        settings: of the training.
        options: that give the same rows.
        bundle_sha256: of the rows.
    """

    path: Path
    target: str
    settings: Settings
    options: ExperimentOptions
    bundle_sha256: str

    def require_no_other(self, stated: Mapping[str, Any]) -> None:
        """Check options that the user states beside the checkpoint.

        Args:
            stated: the names and values of options of an experiment, without those that the user left out.

        Raises:
            UsageError: the checkpoint was trained with another value.
        """
        own = vars(self.options) | {
            "epochs": self.settings.epochs,
            "defence": self.settings.defence,
            "parameter": self.settings.defence_parameters,
        }
        for name, value in stated.items():
            if own[name] != value:
                option = f"--{name.replace('_', '-')}"
                raise UsageError(f"{self.path} was trained with {option} {own[name]}, not {value}: leave it out.")

    def find_bundle(self, bundle: Path | None) -> Path | None:
        """Find the rows: the bundle that the user names, or the one beside the checkpoint; None if there is none.

        Raises:
            DataError: they are not those that the checkpoint was trained with.
        """
        found = bundle or self.path.with_suffix(".bundle")
        if bundle is None and not found.exists():
            return None
        with reading(found, "a bundle", DataError):
            digest = bundle_sha256(found)
        if digest != self.bundle_sha256:
            raise DataError(f"{found} is not the bundle of {self.path}: name that one with --bundle.")
        return found


def training_of(path: Path, data_dir: Path | None = None) -> CheckpointTraining:
    """Read how a checkpoint was trained.

    Args:
        path: of the checkpoint.
        data_dir: the folder of the data sets, if the rows have to be read again.

    Raises:
        UserError: it is damaged, it does not say how it was trained, or its training was stopped early.
    """
    content = read_checkpoint(path)
    target = find_target(str(content.get("target")))
    record = record_of(_Training, content.get("training"), f"The checkpoint {path}")
    try:
        settings = TypeAdapter(Settings).validate_python(record.settings)
        protocol = Protocol(record.protocol)
    except (ValidationError, ValueError) as error:
        raise FormatError(f"{path} was trained with settings that this version does not know.") from error
    if record.epochs < settings.epochs:
        raise UsageError(
            f"{path} was stopped after {record.epochs:g} of {settings.epochs} epochs: finish its training first, with "
            "the command that made it."
        )
    base = target.encoder.base if target.encoder else None
    start_from = None if record.started_from == base else record.started_from
    options = ExperimentOptions(
        protocol, record.seed, record.rows, settings.epochs, settings.defence, data_dir, start_from, record.canaries,
        settings.defence_parameters,
    )  # fmt: skip
    return CheckpointTraining(path, str(content["target"]), settings, options, record.bundle_sha256)
