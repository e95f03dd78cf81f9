"""A real Triton server for tests, which `make triton-server` installs."""

import itertools
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

HOST = "127.0.0.1"
ENVIRONMENT = Path(__file__).parents[2] / ".venv-triton"
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
PACKAGES = ENVIRONMENT / "lib" / f"python{VERSION}" / "site-packages"
SERVER = PACKAGES / "pytriton" / "tritonserver"
STUB = SERVER / "python_backend_stubs" / VERSION / "triton_python_backend_stub"
START_SECONDS, END_SECONDS = 600, 20
LOWEST_PORT, PORTS_OF_A_WORKER, WORKERS = 20_000, 700, 16


@dataclass(frozen=True)
class TritonServer:
    """A running server.

    Attributes:
        http: its host and port for HTTP.
        grpc: its host and port for gRPC.
        process: of the server.
        log_file: the file with its output.
    """

    http: str
    grpc: str
    process: subprocess.Popen[bytes]
    log_file: Path

    @property
    def log(self) -> str:
        """The output of the server so far."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def stubs(self, model: str = "") -> list[int]:
        """List the processes of the python backend, one for each instance; of one model, or of all by default."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        arguments = {int(child): Path(f"/proc/{child}/cmdline").read_text() for child in children}
        return [child for child, line in arguments.items() if STUB.name in line and (not model or f"/{model}/" in line)]


@contextmanager
def triton_server(repository: Path, folder: Path, *, ready: bool = True) -> Iterator[TritonServer]:
    """Start a server on free local ports, and stop it when the block ends.

    Args:
        repository: the models that it serves.
        folder: an empty one, for its backends and its log.
        ready: wait until all models are ready, and not only until the server answers.
    """
    require_server()
    backends = folder / "backends"
    shutil.copytree(SERVER / "backends", backends)
    shutil.copy(STUB, backends / "python")
    http, grpc, metrics = free_ports(3)
    shared = f"triton_test_{http}_"
    command = [
        SERVER / "bin" / "tritonserver", f"--model-repository={repository}", f"--backend-directory={backends}",
        f"--http-address={HOST}", f"--http-port={http}", f"--grpc-address={HOST}", f"--grpc-port={grpc}",
        f"--metrics-address={HOST}", f"--metrics-port={metrics}", "--allow-gpu-metrics=false",
        f"--exit-on-error={str(ready).lower()}", f"--backend-config=python,shm-region-prefix-name={shared}",
        # Idle connections of clients delay the server's exit; this limits the delay.
        "--exit-timeout-secs=2",
    ]  # fmt: skip
    log = folder / "server.log"
    # In a group of its own, so that the processes of the python backend can be ended with it.
    with log.open("wb") as written:
        process = subprocess.Popen(
            command, stdout=written, stderr=subprocess.STDOUT, env=_environment(), start_new_session=True
        )
    server = TritonServer(f"{HOST}:{http}", f"{HOST}:{grpc}", process, log)
    try:
        _wait(server, "ready" if ready else "live")
        yield server
    finally:
        _end(process, shared)


def require_server() -> None:
    """Skip the test if no server is installed."""
    if not STUB.exists():
        pytest.skip(f"no Triton server for Python {VERSION}: `make triton-server` installs one for 3.11 and 3.12")


def free_ports(count: int) -> list[int]:
    """Find ports of this machine that are free, and stay so until the server takes them.

    Linux gives ports from 32768 on to any connection. Each worker of pytest-xdist has a range of its own below.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = LOWEST_PORT + worker % WORKERS * PORTS_OF_A_WORKER
    candidates = random.sample(range(first, first + PORTS_OF_A_WORKER), PORTS_OF_A_WORKER)
    return list(itertools.islice(filter(_is_free, candidates), count))


def _is_free(port: int) -> bool:
    with socket.socket() as tried:
        try:
            tried.bind((HOST, port))
        except OSError:
            return False
    return True


def _environment() -> dict[str, str]:
    # The stub is linked with libpython, and uses the first python on the path: both must be those of the environment.
    libraries = [sysconfig.get_config_var("LIBDIR"), str(PACKAGES / "nvidia_pytriton.libs")]
    return os.environ | {
        "PATH": f"{ENVIRONMENT / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "LD_LIBRARY_PATH": os.pathsep.join(libraries),
    }


def _wait(server: TritonServer, state: str) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and server.process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://{server.http}/v2/health/{state}", timeout=5):
                return
        except OSError:  # no answer yet, or the status "not ready"
            time.sleep(0.1)
    raise RuntimeError(f"The server did not become {state}:\n{server.log}")


def _end(process: subprocess.Popen[bytes], shared: str) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(END_SECONDS)
    with suppress(ProcessLookupError):  # the group has ended already
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for left in Path("/dev/shm").glob(f"{shared}*"):  # from processes that were killed
        left.unlink()
