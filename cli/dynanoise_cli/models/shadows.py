"""The command `shadows`."""

from pathlib import Path
from typing import Annotated

import typer

from dynanoise_cli import options as shared
from dynanoise_cli.console import console_beside, progress_bar, say
from dynanoise_cli.models import options
from dynanoise_cli.running import INTERRUPTED
from dynanoise_models.protocols import Protocol
from dynanoise_models.shadows.backends import JobBackend
from dynanoise_models.training.settings import TrainingDefence

JOBS = "Jobs"


def shadows(
    target: options.TargetName,
    output: Annotated[Path, typer.Option("-o", "--output", help="The shadow store to make, or to go on with.")],
    count: Annotated[
        int, typer.Option(help="How many shadow models, an even number. A store with fewer models grows.")
    ],
    bundle: Annotated[
        Path | None,
        typer.Option(help="The rows, as `train` wrote them. By default the data set is split as `train` does it."),
    ] = None,
    backend: Annotated[
        JobBackend,
        typer.Option(
            help="What trains the models. loky: processes on this machine. ray, dask: a cluster.", rich_help_panel=JOBS
        ),
    ] = JobBackend.LOKY,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="How many jobs run at once. The default is one for each core, or four for each GPU.",
            rich_help_panel=JOBS,
        ),
    ] = None,
    data_dir: options.DataDir = None,
    protocol: options.ProtocolOption = Protocol.BALANCED,
    rows: options.Rows = None,
    seed: options.Seed = 0,
    epochs: options.Epochs = None,
    defence: options.DefenceOption = TrainingDefence.NONE,
    start_from: options.StartFrom = None,
    json: shared.Json = None,
) -> None:
    """Train shadow models on random halves of the rows, and store their answers.

    Give the options that the target was trained with. After an interruption, the same command goes on.
    """
    shared.check_writable(json)

    from dynanoise_export.reports.documents import write_document
    from dynanoise_models.shadows.make_shadows import make_shadows
    from dynanoise_models.training_documents import shadows_document
    from dynanoise_models.training_terminal import print_shadows

    try:
        with progress_bar() as progress:
            made = make_shadows(
                target,
                output,
                count,
                bundle=bundle,
                options=options.experiment_options(protocol, seed, rows, epochs, defence, data_dir, start_from),
                backend=backend,
                workers=workers,
                warn=say,
                progress=progress,
            )
    except KeyboardInterrupt:
        say(f"Stopped; the same command goes on with the models in {output}.")
        raise typer.Exit(INTERRUPTED) from None
    print_shadows(made, console_beside(json))
    if json is not None:
        write_document(shadows_document(made), json)
