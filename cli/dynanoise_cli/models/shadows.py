"""The command `shadows`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dynanoise_cli import options as shared
from dynanoise_cli.console import console_beside, progress_bar, say
from dynanoise_cli.models import options
from dynanoise_cli.options import named_numbers
from dynanoise_cli.running import INTERRUPTED
from dynanoise_export.errors import UsageError
from dynanoise_export.packages import require_packages
from dynanoise_models.protocols import Protocol
from dynanoise_models.shadows.backends import JobBackend
from dynanoise_models.training.settings import DefenceName

if TYPE_CHECKING:
    from dynanoise_models.shadows.make_shadows import Shadows

JOBS, OWN = "Jobs", "Your own training code"
# What says how a target was trained. A checkpoint says it itself, and the user's own training code decides it.
EXPERIMENT = ("protocol", "rows", "seed", "epochs", "defence", "start_from", "canaries", "parameter")


def shadows(
    context: typer.Context,
    output: Annotated[Path, typer.Option("-o", "--output", help="The shadow store to make, or to go on with.")],
    count: Annotated[
        int, typer.Option(help="How many shadow models, an even number. A store with fewer models grows.")
    ],
    target: Annotated[
        str | None,
        typer.Argument(
            help="A checkpoint that `train` made, or the name of a target. `dynanoise-models list` shows all targets."
        ),
    ] = None,
    train: Annotated[
        str | None,
        typer.Option(
            metavar="MODULE:FUNCTION",
            help="Your function that trains one model, in a module of this folder or an installed one. It takes rows, "
            "labels and a seed, and returns a torch.nn.Module, the path of an ONNX file, or a callable from rows to "
            "scores.",
            rich_help_panel=OWN,
        ),
    ] = None,
    binary: Annotated[
        bool,
        typer.Option("--binary", help="Its models give one score, for the second of two classes.", rich_help_panel=OWN),
    ] = False,
    bundle: Annotated[
        Path | None,
        typer.Option(
            help="The rows. For a checkpoint, the default is its own bundle, beside it; for a target, the data set is "
            "split as `train` does it."
        ),
    ] = None,
    models: Annotated[
        bool,
        typer.Option(
            help="Keep the models, as undefended ONNX files, so that an attacker can send them any query. Large models "
            "take much space."
        ),
    ] = True,
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
    defence: options.DefenceOption = DefenceName.NONE,
    parameter: options.Parameters = None,
    start_from: options.StartFrom = None,
    canaries: options.Canaries = 0,
    json: shared.Json = None,
) -> None:
    """Train shadow models on random halves of the rows, and store their answers and the models.

    For the name of a target, give the options that it was trained with. A checkpoint brings them along.

    After an interruption, the same command goes on.
    """
    shared.check_writable(json)
    if (target is None) == (train is None):
        raise UsageError("Name a checkpoint or a target, or your own training code with --train MODULE:FUNCTION.")
    options.warn_of(defence)
    given = {name: context.params[name] for name in (*EXPERIMENT, "data_dir") if _is_stated(context, name)}
    jobs: dict[str, Any] = {"backend": backend, "workers": workers, "keep": models, "warn": say}
    try:
        with progress_bar() as progress:
            jobs["progress"] = progress
            if train is not None:
                made = _with_own_code(train, output, count, bundle, binary, given, jobs)
            elif binary:
                raise UsageError("--binary is for models of your own training code: give --train, or leave it out.")
            elif Path(str(target)).is_file():
                made = _of_checkpoint(Path(str(target)), output, count, bundle, given, jobs)
            else:
                values = (protocol, seed, rows, epochs, defence, data_dir, start_from, canaries, parameter)
                made = _of_target(str(target), output, count, bundle, values, jobs)
    except KeyboardInterrupt:
        say(f"Stopped; the same command goes on with the models in {output}.")
        raise typer.Exit(INTERRUPTED) from None
    _show(made, json)


def _is_stated(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


def _with_own_code(
    train: str,
    output: Path,
    count: int,
    bundle: Path | None,
    binary: bool,
    given: dict[str, Any],
    jobs: dict[str, Any],
) -> "Shadows":
    if others := [name for name in given if name != "seed"]:
        option = f"--{others[0].replace('_', '-')}"
        raise UsageError(f"{option} is for targets, and with --train your own code decides that: leave it out.")
    if bundle is None:
        raise UsageError("--train needs the rows: name them with --bundle.")

    from dynanoise_models.shadows.make_shadows import make_shadows_with

    seed = given.get("seed", 0)
    return make_shadows_with(train, output, count, bundle=bundle, seed=seed, binary=binary, **jobs)


def _of_checkpoint(
    path: Path, output: Path, count: int, bundle: Path | None, given: dict[str, Any], jobs: dict[str, Any]
) -> "Shadows":
    require_packages("Shadow models of a target need", "torch", "sklearn")

    from dynanoise_models.checkpoint_training import training_of
    from dynanoise_models.shadows.make_shadows import make_shadows

    training = training_of(path, given.pop("data_dir", None))
    if "parameter" in given:
        given["parameter"] = named_numbers(given["parameter"])
    training.require_no_other(given)
    found, settings = training.find_bundle(bundle), training.settings
    return make_shadows(
        training.target, output, count, bundle=found, options=training.options, settings=settings, **jobs
    )


def _of_target(
    target: str, output: Path, count: int, bundle: Path | None, values: tuple[Any, ...], jobs: dict[str, Any]
) -> "Shadows":
    require_packages("Shadow models of a target need", "torch", "sklearn")

    from dynanoise_models.shadows.make_shadows import make_shadows

    return make_shadows(target, output, count, bundle=bundle, options=options.experiment_options(*values), **jobs)


def _show(made: "Shadows", json: Path | None) -> None:
    from dynanoise_export.reports.documents import write_document
    from dynanoise_models.shadows.shadows_document import shadows_document
    from dynanoise_models.shadows.shadows_terminal import print_shadows

    print_shadows(made, console_beside(json))
    if json is not None:
        write_document(shadows_document(made), json)
