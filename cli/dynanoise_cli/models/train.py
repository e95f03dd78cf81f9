"""The command `train`."""

from pathlib import Path
from typing import Annotated

import typer

from dynanoise_cli import options as shared
from dynanoise_cli.console import console_beside, counted_progress
from dynanoise_cli.models import options
from dynanoise_cli.running import INTERRUPTED
from dynanoise_export.files import require_writable
from dynanoise_models.protocols import Protocol
from dynanoise_models.training.settings import Defence


def train(
    target: options.SourceModel,
    output: Annotated[Path, typer.Option("-o", "--output", help="The checkpoint to make.")],
    bundle: Annotated[
        Path | None,
        typer.Option(
            help="The bundle of members, non-members and auxiliary rows to make: an .npz or a folder; the checkpoint's "
            "name with .bundle by default."
        ),
    ] = None,
    data_dir: options.DataDir = None,
    protocol: options.ProtocolOption = Protocol.BALANCED,
    rows: options.Rows = None,
    seed: options.Seed = 0,
    epochs: options.Epochs = None,
    defence: options.DefenceOption = Defence.NONE,
    start_from: options.StartFrom = None,
    json: shared.Json = None,
) -> None:
    """Train a target; write its checkpoint, its accuracy, and the bundle that an audit reads.

    Ctrl-C ends the training early and writes what there is; the same command goes on with the last epoch saved.
    """
    if json is not None:
        require_writable(json)
    bundle = bundle or output.with_suffix(".bundle")

    from dynanoise_export.reports.documents import write_document
    from dynanoise_models.making import train_target
    from dynanoise_models.reporting import print_trained, trained_document
    from dynanoise_models.stopping import asked_to_stop

    chosen = options.choices(protocol, seed, rows, epochs, defence, data_dir, start_from)
    with asked_to_stop() as stopped, counted_progress() as (step, progress):
        trained = train_target(
            target,
            output,
            bundle,
            chosen,
            step,
            lambda epoch: progress(
                epoch.done, epoch.of, f"epochs, loss {epoch.loss:.3f}, accuracy {epoch.accuracy:.3f}"
            ),
            stopped,
        )
    print_trained(trained, console_beside(json))
    if json is not None:
        write_document(trained_document(trained), json)
    if not trained.complete:
        raise typer.Exit(INTERRUPTED)
