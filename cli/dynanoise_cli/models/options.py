"""Options that the commands of `dynanoise-models` share."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dynanoise_cli.console import say
from dynanoise_cli.options import named_numbers
from dynanoise_models.protocols import Protocol
from dynanoise_models.training.settings import DefenceName

if TYPE_CHECKING:
    from dynanoise_models.experiments import ExperimentOptions

EXPERIMENT = "Experiment"
TRAINING = "Training"

TargetName = Annotated[str, typer.Argument(help="The name of a target. `dynanoise-models list` shows all of them.")]
DataDir = Annotated[
    Path | None,
    typer.Option(
        help="The folder of the data sets. The default is the one that DYNANOISE_DATA names.",
        rich_help_panel=EXPERIMENT,
    ),
]
ProtocolOption = Annotated[
    Protocol,
    typer.Option(
        help="How the data set is split. balanced: 45% members, 45% non-members, 10% auxiliary rows. v1: 56%, 14% and "
        "30%, as in the paper's first version, and 15 epochs of SGD. published: the data set's own training and test "
        "parts, for weights that somebody else trained.",
        rich_help_panel=EXPERIMENT,
    ),
]
Rows = Annotated[
    int | None,
    typer.Option(
        min=1, help="How many rows of the data set take part. The default is all rows.", rich_help_panel=EXPERIMENT
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        min=0, help="The seed of the split, of the first weights and of the order of rows.", rich_help_panel=EXPERIMENT
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option(min=0, help="How many epochs to train. The default is the target's own.", rich_help_panel=TRAINING),
]
Canaries = Annotated[
    int,
    typer.Option(
        metavar="N",
        help="How many rows get a wrong label, half of them members. The bundle marks them; they show what the most "
        "exposed rows lose.",
        rich_help_panel=EXPERIMENT,
    ),
]
DefenceOption = Annotated[
    DefenceName,
    typer.Option(
        help="The defence at training time. `dynanoise-models list` says what each does; label-smoothing is a baseline "
        "that makes leakage worse.",
        rich_help_panel=TRAINING,
    ),
]
Parameters = Annotated[
    list[str] | None,
    typer.Option(
        "--parameter",
        metavar="NAME=VALUE",
        help="A parameter of the defence at training time, as in smoothing=0.2. Give it once for each parameter.",
        rich_help_panel=TRAINING,
    ),
]
StartFrom = Annotated[
    str | None,
    typer.Option(
        metavar="WEIGHTS",
        help="What to start from. For text targets: the folder or the hub's name of an encoder with its tokenizer. For "
        "other targets: a file of weights.",
        rich_help_panel=TRAINING,
    ),
]


def experiment_options(
    protocol: Protocol,
    seed: int,
    rows: int | None,
    epochs: int | None,
    defence: DefenceName,
    data_dir: Path | None,
    start_from: str | None,
    canaries: int,
    parameter: list[str] | None,
) -> "ExperimentOptions":
    """Gather the options of an experiment."""
    from dynanoise_models.experiments import ExperimentOptions

    parameters = named_numbers(parameter)
    return ExperimentOptions(protocol, seed, rows, epochs, defence, data_dir, start_from, canaries, parameters)


def warn_of(defence: DefenceName) -> None:
    """Warn of a defence that makes leakage worse."""
    if defence is DefenceName.LABEL_SMOOTHING:
        say(
            "--defence label-smoothing is a baseline and no protection: a model that is trained with it leaks more "
            "about its training rows than one that is trained without."
        )
