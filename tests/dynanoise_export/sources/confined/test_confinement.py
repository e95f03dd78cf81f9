"""What a confined process can't do, tried in a process that confines itself as it does."""

import ctypes
import json
import socket
import subprocess
import sys

import pytest

TRY = """
import json, os, resource, socket, subprocess, sys
from pathlib import Path
from dynanoise_export.sources.confined.confinement import confine

folder, file, outside = map(Path, sys.argv[1:4])
os.chdir(folder)
confine(folder, file, 1 << 28)

def tried(action):
    try:
        action()
        return "done"
    except OSError as error:
        return type(error).__name__
    except MemoryError:
        return "MemoryError"

print(json.dumps({
    "write here": tried(lambda: Path("own").write_text("x")),
    "make a folder here": tried(lambda: Path("folder").mkdir()),
    "read the file": tried(lambda: file.read_bytes()),
    "write outside": tried(lambda: (outside / "new").write_text("x")),
    "overwrite": tried(lambda: (outside / "secret").write_text("x")),
    "read outside": tried(lambda: (outside / "secret").read_text()),
    "remove": tried(lambda: (outside / "secret").unlink()),
    "link here": tried(lambda: os.symlink(outside / "secret", "link")),
    "hard link here": tried(lambda: os.link(outside / "secret", "hard")),
    "run": tried(lambda: subprocess.run([sys.executable, "--version"])),
    "connect": tried(lambda: socket.create_connection(("127.0.0.1", int(sys.argv[4])), timeout=5)),
    "listen": tried(lambda: socket.create_server(("127.0.0.1", 0))),
    "take memory": tried(lambda: bytearray(1 << 29)),
}))
"""
ALLOWED = {"write here", "make a folder here", "read the file"}


def has_landlock():
    return sys.platform == "linux" and ctypes.CDLL(None).syscall(444, None, 0, 1) >= 4


@pytest.mark.skipif(not has_landlock(), reason="the kernel has no Landlock that limits connections")
def test_a_confined_process_reads_its_file_and_writes_in_its_folder_and_nothing_else(tmp_path, unused_server):
    for name in ("own", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "model.pt").write_bytes(b"x")
    (tmp_path / "other" / "secret").write_text("secret")
    given = [tmp_path / "own", tmp_path / "model.pt", tmp_path / "other", unused_server]
    done = subprocess.run(
        [sys.executable, "-P", "-c", TRY, *map(str, given)], capture_output=True, text=True, check=True
    )
    tried = json.loads(done.stdout)
    assert {name for name, result in tried.items() if result == "done"} == ALLOWED
    assert (tmp_path / "other" / "secret").read_text() == "secret"
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["secret"]


@pytest.fixture
def unused_server():
    """Give the port of a server that would accept a connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]
