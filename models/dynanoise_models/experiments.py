"""An experiment: which target, on which rows, of which some are members."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dynanoise_export.bundles import Part
from dynanoise_models.protocols import Protocol, Split, settings_for, split
from dynanoise_models.starting import Start, inputs_of, record_of, start_of
from dynanoise_models.training.rows import Rows
from dynanoise_models.training.settings import Defence, Settings


@dataclass(frozen=True)
class Choices:
    """What a user may choose of an experiment.

    Attributes:
        protocol: how the data are split.
        seed: of the split, the first weights and the order of the rows.
        rows: how many rows of the data set take part, all by default.
        epochs: in place of the target's own.
        defence: at training time.
        data_dir: the folder of the data sets, in place of the environment's.
        start_from: the encoder or the weights to start from.
    """

    protocol: Protocol = Protocol.BALANCED
    seed: int = 0
    rows: int | None = None
    epochs: int | None = None
    defence: Defence = Defence.NONE
    data_dir: Path | None = None
    start_from: str | None = None

    def settings(self, own: Settings) -> Settings:
        """Change a target's own settings by what was chosen."""
        settings = replace(settings_for(self.protocol, own), defence=self.defence)
        return settings if self.epochs is None else replace(settings, epochs=self.epochs)


@dataclass(frozen=True)
class Experiment:
    """Everything that a training depends on but the settings.

    Attributes:
        start: the network and its first weights.
        split: of the rows of the data set.
        chosen: int64 [n], the numbers of the rows that take part, in their order in the bundle.
        parts: str [n], the part of each.
        rows: the rows that take part, as the network takes them.
        tested: the rows of the set's own test part, or None where it has none or they are the non-members.
    """

    start: Start
    split: Split = field(repr=False)
    chosen: npt.NDArray[np.int64] = field(repr=False)
    parts: npt.NDArray[np.str_] = field(repr=False)
    rows: Rows = field(repr=False)
    tested: Rows | None = field(repr=False)


def prepare(target: str, choices: Choices) -> Experiment:
    """Load the data, split them, and settle where the target starts.

    Raises:
        UserError: there is no such target, its data or first weights are missing, or they can't be split so.
    """
    start = start_of(target, choices.start_from)
    data = record_of(target).load(choices.data_dir)
    parts = split(data, choices.protocol, choices.seed, choices.rows)
    numbers = {Part.MEMBER: parts.members, Part.NON_MEMBER: parts.non_members, Part.AUXILIARY: parts.auxiliary}
    chosen = np.concatenate(list(numbers.values()))
    names = np.concatenate([np.full(len(rows), str(part)) for part, rows in numbers.items()])
    tested = None
    if choices.protocol is not Protocol.PUBLISHED and data.own_test.any():
        own_test = np.flatnonzero(data.own_test)
        tested = Rows(inputs_of(start, data, own_test), data.y[own_test])
    rows = Rows(inputs_of(start, data, chosen), data.y[chosen])
    return Experiment(start, parts, chosen, names, rows, tested)
