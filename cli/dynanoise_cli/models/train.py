"""The command `train`."""

from pathlib import Path
from typing import Annotated

import typer

from dynanoise_cli import options as shared
from dynanoise_cli.console import console_beside, progress_bar
from dynanoise_cli.models import options
from dynanoise_cli.running import INTERRUPTED
from dynanoise_export.packages import require_packages
from dynanoise_models.protocols import Protocol
from dynanoise_models.training.settings import DefenceName


def train(
    target: options.TargetName,
    output: Annotated[Path, typer.Option("-o", "--output", help="The checkpoint to make.")],
    bundle: Annotated[
        Path | None,
        typer.Option(
            help="The bundle of members, non-members and auxiliary rows to make: an .npz file or a folder. The default "
            "is the checkpoint's name with the suffix .bundle."
        ),
    ] = None,
    data_dir: options.DataDir = None,
    protocol: options.ProtocolOption = Protocol.BALANCED,
    rows: options.Rows = None,
    seed: options.Seed = 0,
    epochs: options.Epochs = None,
    defence: options.DefenceOption = DefenceName.NONE,
    parameter: options.Parameters = None,
    start_from: options.StartFrom = None,
    canaries: options.Canaries = 0,
    json: shared.Json = None,
) -> None:
    """Train a target. This writes its checkpoint, and the bundle for an audit.

    Ctrl-C ends the training early and writes what there is. The same command then goes on from the last saved epoch.
    """
    shared.check_writable(json)
    require_packages("Training needs", "torch", "sklearn")

    from dynanoise_export.reports.documents import write_document
    from dynanoise_models.stopping import stop_on_ctrl_c
    from dynanoise_models.train_target import train_target
    from dynanoise_models.training_documents import train_document
    from dynanoise_models.training_terminal import print_trained

    options.warn_of(defence)
    experiment = options.experiment_options(
        protocol, seed, rows, epochs, defence, data_dir, start_from, canaries, parameter
    )
    with stop_on_ctrl_c() as stopped, progress_bar() as progress:
        trained = train_target(
            target,
            output,
            bundle or output.with_suffix(".bundle"),
            options=experiment,
            stopped=stopped,
            progress=progress,
        )
    print_trained(trained, console_beside(json))
    if json is not None:
        write_document(train_document(trained), json)
    if not trained.complete:
        raise typer.Exit(INTERRUPTED)
