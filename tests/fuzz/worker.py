"""A worker: it opens one input after another, and reports how each ended. What kills it, its runner sees."""

import contextlib
import faulthandler
import os
import resource
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from dynanoise_cli.app import main
from dynanoise_export.errors import UserError
from dynanoise_export.printable import printable
from fuzz.forked import forked
from fuzz.targets import TARGETS, Case, Command, Target, make_input

MEMORY = 2 << 30
# Of so many inputs, a command opens one instead of the library.
SAMPLE = 8
TOO_LARGE = "took too much memory"
# Exit statuses: passed, refused, a failing check, a gate exceeded.
EXPECTED = {0, 2, 3, 4}
REFUSED = 2
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
HARMLESS = ("/dev/", "/proc/")
STREAMS = ("stdout", "stderr")


class Verdict(StrEnum):
    """How an input ended."""

    OPENED = "opened"
    REFUSED = "refused"
    FINDING = "finding"


@dataclass(frozen=True)
class Result:
    """What came of an input.

    Attributes:
        verdict: how it ended.
        detail: the refusal; or what is wrong, as a line that is the same for the same fault, and then where.
        peak: the largest memory of the process above what it had at its start, in bytes.
    """

    verdict: Verdict
    detail: str
    peak: int = 0


class Box:
    """The folder of a worker: what an input may write lies in it.

    Attributes:
        case: the input, the common files, and the folder for what a command writes.
        trace: where a traceback is written when the process is killed.
    """

    def __init__(self, folder: Path, common: Path) -> None:
        self.folder = folder
        self.case = Case(folder / "files", common, folder / "out")
        self.trace = folder / "trace"
        self._kept = [folder / name for name in ("home", "tmp", "current")]
        self.strange: list[str] = []

    def enter(self) -> None:
        """Make the folder the only place of this process: its home, its current folder and its temporary files."""
        home, temporary, current = self._kept
        for path in self._kept:
            path.mkdir(parents=True)
        os.environ |= {"HOME": str(home), "TMPDIR": str(temporary), "HF_HUB_OFFLINE": "1", "COLUMNS": "200"}
        tempfile.tempdir = str(temporary)
        sys.dont_write_bytecode = True
        os.chdir(current)
        sys.addaudithook(self._watch)

    def fill(self, files: dict[str, bytes]) -> None:
        """Write the files of an input, in place of the last ones."""
        self.strange.clear()
        for path in (self.case.files, self.case.out):
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir()
        for name, content in files.items():
            path = self.case.files / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            path.chmod(0o600)  # as a key must be

    def written_elsewhere(self) -> list[str]:
        """List what was written outside the folders of the input, of the output and of temporary files."""
        home, _, current = self._kept
        own = {*self._kept, self.case.files, self.case.out, *(self.folder / name for name in ("trace", *STREAMS))}
        own.add(home / ".cache")  # where ONNX Runtime keeps a number for the machine
        found = [*self.folder.iterdir(), *home.iterdir(), *current.iterdir()]
        return [*self.strange, *(str(path) for path in found if path not in own)]

    def _watch(self, event: str, arguments: tuple[Any, ...]) -> None:
        """See from within Python what listing folders can't show."""
        if event == "os.system":
            self.strange.append(f"{event} {arguments}")
        if event == "open" and isinstance(arguments[0], (str, os.PathLike)) and arguments[2] & WRITES:
            path = os.path.abspath(arguments[0])  # noqa: PTH100 - nothing may be opened here
            if not path.startswith((*HARMLESS, str(self.folder), os.environ["XDG_CONFIG_HOME"])):
                self.strange.append(f"{event} {path}")


def work(name: str, folder: Path, box_folder: Path, connection: Connection) -> None:
    """Take numbers of inputs and answer with results, until the runner ends this process.

    Args:
        name: of the target.
        folder: of the run, with the seeds and the common files.
        box_folder: which does not exist yet.
        connection: to the runner.
    """
    os.setsid()
    box = Box(box_folder, folder / "common")
    box.enter()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    trace = box.trace.open("w")
    faulthandler.enable(trace)
    faulthandler.register(signal.SIGUSR1, trace)
    for number, stream in enumerate(STREAMS, start=1):
        os.dup2(os.open(box_folder / stream, os.O_RDWR | os.O_CREAT | os.O_TRUNC), number)
    baseline, target = memory("VmRSS"), TARGETS[name]
    while True:
        number = connection.recv()
        box.fill(make_input(name, folder / name, number))
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        result = judge(target, box, _command(target, number))
        peak = memory("VmHWM") - baseline
        if peak > MEMORY and result.verdict is not Verdict.FINDING:
            result = Result(Verdict.FINDING, f"{TOO_LARGE}\n{peak >> 20} MiB")
        connection.send(Result(result.verdict, result.detail, peak))


def _command(target: Target, number: int) -> Command | None:
    """Choose whether a command opens an input, and which."""
    turn, left = divmod(number, SAMPLE)
    return target.commands[turn % len(target.commands)] if target.commands and left == 0 else None


def memory(what: str) -> int:
    """Read a figure of this process's memory, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{what}:")) << 10


def judge(target: Target, box: Box, command: Command | None) -> Result:
    """Open the input in the box, and say how it ended.

    Args:
        target: whose input it is.
        box: with the input.
        command: opens it instead of the library; None for the library.
    """
    result = _in_library(target, box.case) if command is None else _in_command_line(command(box.case), box)
    if elsewhere := box.written_elsewhere():
        return Result(Verdict.FINDING, f"wrote elsewhere\n{elsewhere}")
    return result


def _in_library(target: Target, case: Case) -> Result:
    try:
        with forked():
            target.open(case)
    except UserError as error:
        text = str(error)
        if text != printable(text):
            return Result(Verdict.FINDING, f"unprintable {_place(error)}\n{text!r}")
        return Result(Verdict.REFUSED, text)
    except BaseException as error:  # SystemExit and KeyboardInterrupt too
        return Result(Verdict.FINDING, f"{_place(error)}\n{traceback.format_exc()}")
    return Result(Verdict.OPENED, "")


def _place(error: BaseException) -> str:
    """Name an exception, and the last line of the project that it came through."""
    frames = traceback.extract_tb(error.__traceback__)
    last = next((frame for frame in reversed(frames) if "dynanoise_" in frame.filename), frames[-1])
    path = Path(last.filename)
    return f"{type(error).__name__} in {path.parent.name}/{path.name}:{last.lineno}"


def _in_command_line(arguments: list[object], box: Box) -> Result:
    with _captured(box.folder / "stderr") as written:
        sys.argv = ["dynanoise-export", *map(str, arguments)]
        try:
            main()
            status: object = 0
        except SystemExit as ended:
            status = ended.code or 0
        except BaseException as error:
            return Result(Verdict.FINDING, f"{_place(error)}\n{traceback.format_exc()}")
    errors = written()
    if status not in EXPECTED:
        return Result(Verdict.FINDING, f"status {status}\n{errors}")
    if status == REFUSED and (len(errors.splitlines()) != 1 or errors.strip("\n") != printable(errors.strip("\n"))):
        return Result(Verdict.FINDING, f"not one line on standard error\n{errors}")
    if status == REFUSED and any(box.case.out.iterdir()):
        return Result(Verdict.FINDING, f"refused, and wrote a file\n{list(box.case.out.iterdir())}")
    return Result(Verdict.REFUSED if status == REFUSED else Verdict.OPENED, errors)


@contextlib.contextmanager
def _captured(stream: Path) -> Iterator[Callable[[], str]]:
    """Give what is written to standard error in the block, by Python or not."""
    sys.stderr.flush()
    start = stream.stat().st_size

    def written() -> str:
        sys.stderr.flush()
        return stream.read_bytes()[start:].decode("utf-8", "replace")

    yield written
