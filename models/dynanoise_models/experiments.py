"""An experiment: a target, its rows, and which of the rows are members."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dynanoise_export.bundles import Part, save_bundle
from dynanoise_export.errors import UsageError
from dynanoise_export.types import Bools, Int64s
from dynanoise_models.canaries import choose_canaries, mislabelled
from dynanoise_models.datasets.dataset import Dataset
from dynanoise_models.protocols import Protocol, Split, settings_for, split
from dynanoise_models.starting import Start, find_start, find_target, inputs_of
from dynanoise_models.training.rows import Rows
from dynanoise_models.training.settings import DefenceName, Settings


@dataclass(frozen=True)
class ExperimentOptions:
    """What a user may choose about an experiment.

    Attributes:
        protocol: how the data set is split.
        seed: of the split, the first weights and the order of the rows.
        rows: how many rows of the data set take part; None for all.
        epochs: None for the target's own number.
        defence: at training time.
        defence_parameters: of the defence, by name; those not given have its defaults.
        data_dir: the folder of the data sets; None for the one that the environment names.
        start_from: the encoder or the weights to start from; None for the target's own start.
        canaries: how many rows get a wrong label, an even number: half of them are members.
    """

    protocol: Protocol = Protocol.BALANCED
    seed: int = 0
    rows: int | None = None
    epochs: int | None = None
    defence: DefenceName = DefenceName.NONE
    data_dir: Path | None = None
    start_from: str | None = None
    canaries: int = 0
    defence_parameters: Mapping[str, float] = field(default_factory=dict)

    def settings(self, own: Settings) -> Settings:
        """Change a target's own settings by these options."""
        settings = settings_for(self.protocol, own)
        settings = replace(settings, defence=self.defence, defence_parameters=self.defence_parameters)
        return settings if self.epochs is None else replace(settings, epochs=self.epochs)


@dataclass(frozen=True)
class Experiment:
    """Everything that a training depends on, except the settings.

    Attributes:
        start: the network and its first weights.
        split: of the rows of the data set.
        indices: int64 [n], of the rows that take part, in their order in the bundle.
        parts: str [n], the part of each row.
        rows: the rows that take part, as the network takes them; canaries have their wrong labels.
        canary: bool [n], the rows with a wrong label; None if there are none.
        own_test: the rows of the data set's own test part; None if it has none, or they are the non-members.
    """

    start: Start
    split: Split = field(repr=False)
    indices: Int64s = field(repr=False)
    parts: npt.NDArray[np.str_] = field(repr=False)
    rows: Rows = field(repr=False)
    canary: Bools | None = field(repr=False)
    own_test: Rows | None = field(repr=False)

    def save_bundle(self, path: Path) -> None:
        """Write the rows that take part as a bundle.

        Raises:
            UserError: it can't be written, or a row is both a member and a non-member.
        """
        save_bundle(path, self.rows.inputs, self.rows.y, self.parts, canary=self.canary)


def prepare(target: str, options: ExperimentOptions) -> Experiment:
    """Load the data set, split it, and find where the target starts.

    Raises:
        UserError: there is no such target, its data set or first weights are missing, or the split or the number of
            canaries is impossible.
    """
    start = find_start(target, options.start_from)
    data = find_target(target).load(options.data_dir)
    made = split(data, options.protocol, options.seed, options.rows)
    by_part = {Part.MEMBER: made.members, Part.NON_MEMBER: made.non_members, Part.AUXILIARY: made.auxiliary}
    indices = np.concatenate(list(by_part.values()))
    parts = np.concatenate([np.full(len(rows), str(part)) for part, rows in by_part.items()])
    own_test = None
    if options.protocol is not Protocol.PUBLISHED and data.own_test.any():
        own_test = _rows(start, data, np.flatnonzero(data.own_test))
    rows = _rows(start, data, indices)
    canary = None if options.canaries == 0 else _canaries(options, parts)
    if canary is not None:
        rows = replace(rows, y=mislabelled(rows.y, canary, find_target(target).classes, options.seed))
    return Experiment(start, made, indices, parts, rows, canary, own_test)


def _canaries(options: ExperimentOptions, parts: npt.NDArray[np.str_]) -> Bools:
    if options.epochs == 0:
        raise UsageError(
            f"--canaries {options.canaries} needs a training, which --epochs 0 leaves out: drop one of the two."
        )
    return choose_canaries(parts, options.canaries, options.seed)


def _rows(start: Start, data: Dataset, indices: Int64s) -> Rows:
    return Rows(inputs_of(start, data, indices), data.y[indices])
