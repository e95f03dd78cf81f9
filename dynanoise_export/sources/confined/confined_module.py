"""A classifier in a confined process: one that can't write, connect or run for ever, and whose answers are checked."""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from signal import Signals

import onnx_ir as ir

from dynanoise_export import errors
from dynanoise_export.errors import FormatError, UnsupportedModelError, UserError
from dynanoise_export.graph.model_files import read_model
from dynanoise_export.runtimes.failed_run import FailedRunError, failed_run
from dynanoise_export.sources.confined.exchange import (
    CONVERTED,
    Answer,
    Format,
    Question,
    described,
    receive_answer,
    send,
)
from dynanoise_export.sources.source_module import Conversion, OpenedModule
from dynanoise_export.types import Array, Arrays, row_count

# Enough for a model of no size; each adds something for the size of the file, and a run for its rows.
LOADING_SECONDS, RUNNING_SECONDS, CONVERTING_SECONDS = 60, 10, 300
BYTES_PER_SECOND = 10 << 20
# The memory for values and copies of the weights.
MEMORY, COPIES = 4 << 30, 8

# What Python, PyTorch and the dynamic linker need to find their files and to count their threads.
ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "VIRTUAL_ENV", "PYTHONHOME", "LD_LIBRARY_PATH", "OMP_NUM_THREADS",
               "MKL_NUM_THREADS", "SYSTEMROOT")  # fmt: skip

# No files beside modules, no GPU, and no search for the lines of PyTorch's source, which takes minutes.
FIXED_ENVIRONMENT = {"PYTHONDONTWRITEBYTECODE": "1", "CUDA_VISIBLE_DEVICES": "", "TORCH_DISABLE_ADDR2LINE": "1"}


def open_confined(path: Path, format: Format) -> OpenedModule:
    """Open a file in a process of its own.

    Args:
        path: of the file.
        format: of the file.

    Raises:
        UserError: it is damaged or could run code, or opening it takes too much time or memory.
    """
    module = ConfinedModule(path)
    question = Question(task="open", path=str(path.absolute()), format=format)
    answer, arrays = module.ask(question, {}, LOADING_SECONDS)
    inputs = tuple(told.spec() for told in answer.inputs)
    return OpenedModule(module, inputs, arrays if answer.has_example else None)


class ConfinedModule:
    """A classifier in a process of its own, which ends with this object.

    Args:
        path: of its file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._size = path.stat().st_size
        self._folder = Path(tempfile.mkdtemp(prefix="dynanoise-"))
        self._connection, self._process = _start(self._folder, MEMORY + COPIES * self._size)
        self._lock, self._stopped = threading.Lock(), ""
        self._end = weakref.finalize(self, _end, self._process, self._connection, self._folder)

    def run(self, rows: Arrays) -> dict[str, Array]:
        """Answer rows.

        Raises:
            FailedRunError: the module does not run on these rows.
            UserError: it returns no tensor, or was stopped.
        """
        _, arrays = self.ask(Question(task="run"), rows, RUNNING_SECONDS + row_count(rows))
        if not arrays:
            raise self._wrong()
        return arrays

    def to_onnx(self, conversion: Conversion) -> ir.Model:
        """Make the undefended ONNX model.

        Raises:
            UserError: the exporter fails, or was stopped.
        """
        question = Question(
            task="convert",
            inputs=described(conversion.inputs),
            outputs=list(conversion.outputs),
            output=conversion.output,
            opset=conversion.opset,
        )
        self.ask(question, conversion.example, CONVERTING_SECONDS)
        try:
            model = read_model(self._folder / CONVERTED)
            ir.external_data.load_to_model(model)  # the next conversion writes the same files
        except UserError as error:
            raise self._wrong() from error
        return model

    def ask(self, question: Question, arrays: Arrays, seconds: int) -> tuple[Answer, dict[str, Array]]:
        """Ask the process, and raise what it raised.

        Raises:
            UserError: of the kind that the process names; or it was stopped, or ended by itself.
        """
        if self._stopped:
            raise UnsupportedModelError(self._stopped)
        seconds += self._size // BYTES_PER_SECOND
        with self._lock, _killed_after(self._process, seconds) as late:
            try:
                send(self._connection, question, arrays)
                answer, received = receive_answer(self._connection)
            except (EOFError, OSError) as error:
                raise self._ended(late, seconds) from error
            except FormatError as error:
                raise self._wrong() from error
        if answer.error:
            raise self._error(answer, arrays)
        return answer, received

    def _ended(self, late: threading.Event, seconds: int) -> UserError:
        self._end()
        status = self._process.returncode
        if late.is_set():
            finding = f"takes more than {seconds} seconds to load, run or convert, so it was stopped"
        elif status is not None and status < 0:
            finding = f"made its process end with {Signals(-status).name}, perhaps for lack of memory"
        else:
            finding = "made its process end"
        self._stopped = f"{self.path} {finding}: if you trust its origin, add --allow-pickle."
        return UnsupportedModelError(self._stopped)

    def _wrong(self) -> UserError:
        self._end()
        self._stopped = f"{self.path} made its process give an answer of no known form."
        return FormatError(self._stopped)

    def _error(self, answer: Answer, arrays: Arrays) -> UserError:
        if answer.error == FailedRunError.__name__:
            return failed_run(str(self.path), arrays, answer.reason)
        kind = getattr(errors, answer.error, None)
        if isinstance(kind, type) and issubclass(kind, UserError):
            return kind(self._as_given(answer.message))
        return UnsupportedModelError(f"{self.path} can't be used: {answer.message}.")

    def _as_given(self, message: str) -> str:
        """Write the path as the user did: the process works in another folder, so it knows the whole path."""
        return message.replace(str(self.path.absolute()), str(self.path))


@contextmanager
def _killed_after(process: subprocess.Popen[bytes], seconds: float) -> Iterator[threading.Event]:
    """Kill a process that is still at work after some seconds, and set the event."""
    late = threading.Event()

    def kill() -> None:
        late.set()
        process.kill()

    timer = threading.Timer(seconds, kill)
    timer.daemon = True
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()


def _start(folder: Path, memory: int) -> tuple[Connection, subprocess.Popen[bytes]]:
    ours, theirs = Pipe()
    # No folder that the user happens to be in is on the path of modules.
    command = [sys.executable, "-P", "-m", "dynanoise_export.sources.confined.worker"]
    seconds = 10 * CONVERTING_SECONDS * (os.cpu_count() or 1)  # for a process that outlives this one
    process = subprocess.Popen(  # noqa: S603 - the program is this Python
        [*command, str(theirs.fileno()), str(memory), str(seconds)],
        pass_fds=[theirs.fileno()],
        cwd=folder,
        env=_environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    theirs.close()
    return ours, process


def _environment(folder: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if Path(path).is_absolute()]
    if paths:
        kept["PYTHONPATH"] = os.pathsep.join(paths)
    return kept | FIXED_ENVIRONMENT | {"TMPDIR": str(folder)}


def _end(process: subprocess.Popen[bytes], connection: Connection, folder: Path) -> None:
    process.kill()
    process.wait()
    connection.close()
    shutil.rmtree(folder, ignore_errors=True)
