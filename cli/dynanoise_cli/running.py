"""Run a program of this package: a user's error is one sentence and status 2."""

import logging
import sys

import typer

from dynanoise_export import __version__
from dynanoise_export.errors import UserError

INTERRUPTED = 130  # as shells tell of Ctrl-C


def run(app: typer.Typer, name: str) -> None:
    """Run a program to its end."""
    logging.disable(logging.WARNING)  # the libraries' own news
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
