"""Run a program of this package: an error that the user can put right is one sentence and exit status 2."""

import logging
import sys

import typer

from dynanoise_export.errors import UserError
from dynanoise_export.version import __version__

INTERRUPTED = 130  # the status that shells give for Ctrl-C


def run(app: typer.Typer, name: str) -> None:
    """Run a program to its end."""
    logging.disable(logging.WARNING)  # the messages of libraries
    try:
        app()
    except UserError as error:
        print(f"{name}: {error}", file=sys.stderr)
        sys.exit(2)


def print_version(wanted: bool) -> None:
    """Take the option `--version`."""
    if wanted:
        print(__version__)
        raise typer.Exit
