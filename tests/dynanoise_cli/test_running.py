"""The end of a program: its exit status and its one sentence, whatever the streams and the libraries do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).with_name("dynanoise-export")
NOISY = """
import ctypes, os, sys, warnings, logging
import typer
from dynanoise_cli.running import run
from dynanoise_export.errors import FormatError

app = typer.Typer(pretty_exceptions_enable=False)

class Unraisable:
    def __del__(self):
        raise ValueError("unraisable")

@app.command()
def command() -> None:
    os.write(2, b"native words\\n")
    os.write(1, b"native words\\n")
    ctypes.CDLL(None).puts(b"native words")
    ctypes.CDLL(None).fflush(None)
    warnings.warn("a resource", ResourceWarning)
    logging.getLogger("library").error("a library")
    Unraisable()
    print("document")
    raise FormatError("model.onnx is damaged.")

run(app, "program")
"""


def test_nothing_comes_between_the_user_and_the_sentence():
    ended = subprocess.run([sys.executable, "-c", NOISY], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "document\n", "program: model.onnx is damaged.\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("arguments", [["--version"], ["--help"]])
def test_a_full_standard_output_is_one_sentence(arguments):
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run([PROGRAM, *arguments], stdout=full, stderr=subprocess.PIPE, text=True)
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1


def test_a_closed_pipe_is_one_sentence():
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run([PROGRAM, "--help"], stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize(("closed", "arguments", "status"), [(">&-", "--version", 0), ("2>&-", "inspect no.onnx", 2)])
def test_a_closed_stream_changes_no_status(closed, arguments, status):
    ended = subprocess.run(["sh", "-c", f"{PROGRAM} {arguments} {closed}"], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (status, "", "")
