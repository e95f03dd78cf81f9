"""Options that the commands of `dynanoise-models` share."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dynanoise_models.protocols import Protocol
from dynanoise_models.training.settings import Defence

if TYPE_CHECKING:
    from dynanoise_models.experiments import Choices

EXPERIMENT = "The experiment"
TRAINING = "The training"

SourceModel = Annotated[str, typer.Argument(help="A target's name; `dynanoise-models list` shows them.")]
DataDir = Annotated[
    Path | None,
    typer.Option(help="The folder of the data sets; DYNANOISE_DATA by default.", rich_help_panel=EXPERIMENT),
]
ProtocolOption = Annotated[
    Protocol,
    typer.Option(
        help="How the data are split. balanced: 45% members, 45% non-members, 10% auxiliary. v1: as in the paper's "
        "first version, 56%, 14%, 30%, trained for 15 epochs by SGD. published: the set's own training and test "
        "part, for weights that somebody else trained.",
        rich_help_panel=EXPERIMENT,
    ),
]
Rows = Annotated[
    int | None,
    typer.Option(min=1, help="How many rows of the data set take part; all by default.", rich_help_panel=EXPERIMENT),
]
Seed = Annotated[
    int, typer.Option(min=0, help="Of the split, the first weights and the order of rows.", rich_help_panel=EXPERIMENT)
]
Epochs = Annotated[
    int | None, typer.Option(min=0, help="In place of the target's own number.", rich_help_panel=TRAINING)
]
DefenceOption = Annotated[Defence, typer.Option(help="A defence at training time.", rich_help_panel=TRAINING)]
StartFrom = Annotated[
    str | None,
    typer.Option(
        help="What to start from: for text, the folder or the hub's name of an encoder with its tokenizer; for others, "
        "a file of weights.",
        rich_help_panel=TRAINING,
    ),
]


def choices(
    protocol: Protocol,
    seed: int,
    rows: int | None,
    epochs: int | None,
    defence: Defence,
    data_dir: Path | None,
    start_from: str | None,
) -> "Choices":
    """Gather what the user chose."""
    from dynanoise_models.experiments import Choices

    return Choices(protocol, seed, rows, epochs, defence, data_dir, start_from)
