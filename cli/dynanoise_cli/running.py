"""Run a program of this package: an error that the user can put right is one sentence and exit status 2."""

import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import typer

from dynanoise_cli.console import say
from dynanoise_cli.streams import own_streams
from dynanoise_export.errors import UserError
from dynanoise_export.printable import printable
from dynanoise_export.runtimes.clean_path import clean_path
from dynanoise_export.version import __version__

INTERRUPTED = 130  # the status that shells give for Ctrl-C


def run(app: typer.Typer, name: str) -> None:
    """Run a program to its end."""
    with own_streams(), _silent_libraries(), clean_path():
        sys.exit(_status(app, name))


def _status(app: Callable[..., object], name: str) -> int:
    """Run a program, and give its exit status."""
    try:
        status = app(standalone_mode=False)
        sys.stdout.flush()
    except UserError as error:
        with suppress(OSError):  # nobody may read the sentence
            say(f"{name}: {error}")
        return 2
    except typer.TyperException as refused:
        from typer.rich_utils import rich_format_error

        refused.message = printable(refused.message)  # it quotes the arguments, which a shell may take from file names
        rich_format_error(refused)  # type: ignore[arg-type]
        return refused.exit_code
    return status if isinstance(status, int) else 0


@contextmanager
def _silent_libraries() -> Iterator[None]:
    """Keep what libraries log, warn of and fail to clean up from coming between the user and the program's words."""
    before = sys.unraisablehook
    logging.disable(logging.CRITICAL)
    sys.unraisablehook = lambda unraisable: None
    with warnings.catch_warnings():
        if not sys.warnoptions:
            warnings.simplefilter("ignore")
        try:
            yield
        finally:
            sys.unraisablehook = before
            logging.disable(logging.NOTSET)


def print_version(wanted: bool) -> None:
    """Take the option `--version`."""
    if wanted:
        print(__version__)
        raise typer.Exit
