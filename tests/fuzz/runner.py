"""The runner: it gives inputs to workers, ends those that take too long or too much, and counts what they say."""

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import wait
from pathlib import Path

from fuzz.data_seeds import common_files
from fuzz.targets import TARGETS
from fuzz.worker import MEMORY, TOO_LARGE, Result, Verdict, work

# Of processor time; and on the clock, for what waits for nothing.
SECONDS, WAIT = 20.0, 100.0
# Workers are forked: this process imports the libraries once, and runs nothing with them.
FORK = get_context("fork")
# A worker is replaced after so many inputs, so that what libraries keep does not count as the memory of an input.
INPUTS_OF_A_WORKER = 400
# How often the limits are checked, in seconds.
GLANCE = 0.05
PAGE, TICKS = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Finding:
    """An input that neither opened nor was refused in one sentence.

    Attributes:
        number: of the input.
        detail: what is wrong, as a line that is the same for the same fault, and then where.
    """

    number: int
    detail: str

    @property
    def fault(self) -> str:
        """What is wrong, in a line."""
        return self.detail.partition("\n")[0]


@dataclass
class Summary:
    """What came of the inputs of a target.

    Attributes:
        inputs: how many were tried.
        opened: how many were opened.
        refused: how many were refused.
        findings: the others.
        slowest: in seconds of processor time.
        peak: the largest memory above that of an idle worker, in bytes.
    """

    inputs: int = 0
    opened: int = 0
    refused: int = 0
    findings: list[Finding] = field(default_factory=list)
    slowest: float = 0.0
    peak: int = 0

    def add(self, number: int, result: Result, seconds: float, peak: int) -> None:
        """Count the result of an input."""
        self.inputs += 1
        self.opened += result.verdict is Verdict.OPENED
        self.refused += result.verdict is Verdict.REFUSED
        if result.verdict is Verdict.FINDING:
            self.findings.append(Finding(number, result.detail))
        self.slowest, self.peak = max(self.slowest, seconds), max(self.peak, result.peak, peak)


class Worker:
    """A process that opens one input after another.

    Attributes:
        number: of the last input.
        seconds: of processor time that it took.
        peak: its memory with that of the processes that it has started, above that of an idle one, in bytes.
        connection: on which its result arrives.
    """

    def __init__(self, target: str, folder: Path, box: Path) -> None:
        self.connection, theirs = FORK.Pipe()
        self._box, self._inputs, self.number, self._start = box, 0, 0, 0.0
        self._process = FORK.Process(target=work, args=(target, folder, box, theirs))
        self._process.start()
        theirs.close()
        self._idle = self._before = usage(self._process.pid)
        self.seconds, self.peak = 0.0, 0

    @property
    def is_spent(self) -> bool:
        """Whether it has ended, or should."""
        return not self._process.is_alive() or self._inputs >= INPUTS_OF_A_WORKER

    def give(self, number: int) -> None:
        """Give it an input."""
        self.number, self._start, self._inputs = number, time.monotonic(), self._inputs + 1
        self._before, self.peak = usage(self._process.pid), 0
        self.connection.send(number)

    def result(self) -> Result | None:
        """Give the result; None while it works within its limits. One that dies or is killed has a result too."""
        used = usage(self._process.pid)
        self.seconds = max(0.0, used.seconds - self._before.seconds)
        self.peak = max(self.peak, used.memory - self._idle.memory)
        if self.connection.poll():
            try:
                return self.connection.recv()
            except (EOFError, ConnectionResetError):
                self._process.join()
                return self._ended(f"died with {self._process.exitcode}")
        if self.seconds > SECONDS or time.monotonic() - self._start > WAIT:
            return self._ended("took too long")
        if self.peak > MEMORY:
            return self._ended(TOO_LARGE)
        return None

    def _ended(self, detail: str) -> Result:
        if self._process.is_alive():
            os.kill(self._process.pid, signal.SIGUSR1)  # it writes its traceback
            time.sleep(0.2)
        said = [path.read_text(errors="replace") for name in ("trace", "stderr") if (path := self._box / name).exists()]
        self.end()
        return Result(Verdict.FINDING, "\n".join([detail, *said]))

    def end(self) -> None:
        """End it, with the processes that it has started, and delete its folder."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.join()
        self.connection.close()
        shutil.rmtree(self._box, ignore_errors=True)


@dataclass(frozen=True)
class Usage:
    """What a process and those that it has started use.

    Attributes:
        memory: in bytes.
        seconds: of processor time, so that a busy machine makes no hang of what is slow there.
    """

    memory: int = 0
    seconds: float = 0.0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(self.memory + other.memory, self.seconds + other.seconds)


def usage(process: int) -> Usage:
    """Measure a process and those that it has started; nothing if it has ended."""
    try:
        numbers = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        tasks = list(Path(f"/proc/{process}/task").iterdir())
        started = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return Usage()
    # Of the process and of its ended children, in user mode and in the kernel.
    ticks = sum(map(int, numbers[11:15]))
    return sum(map(usage, started), Usage(int(numbers[21]) * PAGE, ticks / TICKS))


def make_seeds(folder: Path, targets: list[str]) -> None:
    """Write the seeds of the targets, and the common files, in another process.

    Raises:
        RuntimeError: it failed.
    """
    os.environ["XDG_CONFIG_HOME"] = str(folder / "common" / "settings")  # here and in the workers
    _in_another_process(common_files, folder / "common")
    for name in targets:
        _in_another_process(TARGETS[name].seeds, folder / name)


def _in_another_process(make: Callable[[Path], None], folder: Path) -> None:
    process = FORK.Process(target=make, args=(folder,))
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError(f"The seeds in {folder} could not be made.")


def fuzz(target: str, folder: Path, numbers: Iterator[int], processes: int = 1, until: float = float("inf")) -> Summary:
    """Let workers open the inputs of a target.

    Args:
        target: its name.
        folder: of the run, with the seeds; workers get folders in it.
        numbers: of the inputs.
        processes: how many workers.
        until: when to stop, on the clock of `time.monotonic`.
    """
    summary = Summary()
    boxes = (folder / f"box-{target}-{index}" for index in range(10**9))
    workers: list[Worker] = []
    try:
        for number in islice(numbers, processes):
            workers.append(Worker(target, folder, next(boxes)))
            workers[-1].give(number)
        while workers:
            wait([worker.connection for worker in workers], GLANCE)
            for worker in list(workers):
                if (result := worker.result()) is None:
                    continue
                summary.add(worker.number, result, worker.seconds, worker.peak)
                following = next(numbers, None) if time.monotonic() < until else None
                if following is None or worker.is_spent:
                    workers.remove(worker)
                    worker.end()
                if following is not None:
                    if worker not in workers:
                        worker = Worker(target, folder, next(boxes))
                        workers.append(worker)
                    worker.give(following)
    finally:
        for worker in workers:
            worker.end()
    return summary
