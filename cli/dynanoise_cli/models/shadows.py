"""The command `shadows`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from dynanoise_cli import options as shared
from dynanoise_cli.console import console_beside, counted_progress
from dynanoise_cli.models import options
from dynanoise_cli.running import INTERRUPTED
from dynanoise_export.files import require_writable
from dynanoise_models.protocols import Protocol
from dynanoise_models.shadows.backends import Backend
from dynanoise_models.training.settings import Defence

WORK = "The work"


def shadows(
    target: options.SourceModel,
    output: Annotated[Path, typer.Option("-o", "--output", help="The shadow store to make, or to go on with.")],
    count: Annotated[int, typer.Option(help="How many models, an even number; a store of fewer grows.")],
    bundle: Annotated[
        Path | None,
        typer.Option(help="The rows, as `train` wrote them; drawn in the same way by default.", rich_help_panel=WORK),
    ] = None,
    backend: Annotated[
        Backend, typer.Option(help="Who trains: this machine's processes, or a cluster.", rich_help_panel=WORK)
    ] = Backend.LOKY,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Models at once; one a core by default.", rich_help_panel=WORK)
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
    """Train shadow models on random halves of the rows, and store what they answer.

    Give the options that the target was trained with. The same command goes on with what an earlier one left.
    """
    if json is not None:
        require_writable(json)

    from dynanoise_export.reports.documents import write_document
    from dynanoise_models.reporting import print_shadows, shadows_document
    from dynanoise_models.shadows.making import make_shadows

    chosen = options.choices(protocol, seed, rows, epochs, defence, data_dir, start_from)
    try:
        with counted_progress() as (step, progress):
            made = make_shadows(
                target,
                output,
                count,
                chosen,
                bundle,
                backend,
                workers,
                step,
                lambda done, of: progress(done, of, "models"),
                lambda sentence: print(sentence, file=sys.stderr),
            )
    except KeyboardInterrupt:
        print(f"Stopped; the same command goes on with what is in {output}.", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    print_shadows(made, console_beside(json))
    if json is not None:
        write_document(shadows_document(made), json)
