"""Run a program in this process or in another one, as a shell would."""

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

# How long to wait for another process, in seconds: a wait ends at once when its event happens, so the limit only has to
# be longer than a busy machine needs.
LIMIT = 600

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
    """How a program ended, and what it wrote."""

    status: int
    out: str
    err: str


class Program:
    """`program("inspect", file)` runs a command, and gives its exit status and its output."""

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
    """Run a program in another process; give what it wrote, and which of the heavy packages it imported."""
    name = "dynanoise-models" if "models" in app else "dynanoise-export"
    script = RUN.format(app=app, name=name, arguments=[str(argument) for argument in arguments], heavy=heavy)
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    written, _, names = ended.stdout.rpartition("HEAVY: ")
    return written, ast.literal_eval(names)


def until(condition: Callable[[], object], process: subprocess.Popen[str] | None = None) -> None:
    """Wait until a condition holds that another process brings about.

    Args:
        condition: read from files of the process.
        process: the wait fails at once when it has ended, with what it wrote to standard error.
    """
    end = time.monotonic() + LIMIT
    while not condition():
        assert process is None or process.poll() is None or condition(), process.communicate()[1]
        assert time.monotonic() < end, f"no sign of it in {LIMIT} s"
        time.sleep(0.05)


@contextmanager
def started(name: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Start one of the programs in another process, and kill it at the end of the block if it still runs.

    It reacts to Ctrl-C as in a terminal, even if the tests run with Ctrl-C ignored.
    """
    program = Path(sys.executable).with_name(name)
    command = [str(argument) for argument in (program, *arguments)]
    reacting = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, stdout=PIPE, stderr=PIPE, text=True, preexec_fn=reacting) as process:
        try:
            yield process
        finally:
            process.kill()
