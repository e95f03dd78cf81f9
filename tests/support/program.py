"""Run a program in this process or in one of its own, as a shell would."""

import ast
import importlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from subprocess import PIPE

import pytest

RUN = """
import sys
from {app} import main
sys.argv = [{name!r}, *{arguments!r}]
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
print("HEAVY:", [name for name in {heavy!r} if name in sys.modules])
"""


@dataclass(frozen=True)
class Ended:
    status: int
    out: str
    err: str


class Program:
    """`program("inspect", file)` gives the exit status and what was written."""

    def __init__(self, app: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.main = importlib.import_module(app).main
        self.monkeypatch, self.capsys = monkeypatch, capsys

    def __call__(self, *arguments: object) -> Ended:
        self.monkeypatch.setattr(sys, "argv", ["program", *map(str, arguments)])
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            self.main()
        written = self.capsys.readouterr()
        return Ended(ended.value.code or 0, written.out, written.err)


def imported(app: str, arguments: list[object], heavy: list[str]) -> tuple[str, list[str]]:
    """Run a program in a process of its own, and tell what it wrote and which of the packages it imported."""
    name = "dynanoise-models" if "models" in app else "dynanoise-export"
    script = RUN.format(app=app, name=name, arguments=[str(argument) for argument in arguments], heavy=heavy)
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    written, _, names = ended.stdout.rpartition("HEAVY: ")
    return written, ast.literal_eval(names)


def until(condition: Callable[[], object], seconds: float = 120) -> None:
    """Wait until something holds that another process brings about."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@contextmanager
def started(name: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Start one of the programs in a process of its own, and see that it ends.

    It hears Ctrl-C as in a terminal, even if these tests run where nothing does.
    """
    program = Path(sys.executable).with_name(name)
    command = [str(argument) for argument in (program, *arguments)]
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, stdout=PIPE, stderr=PIPE, text=True, preexec_fn=heard) as process:
        try:
            yield process
        finally:
            process.kill()
