"""Give up, for good, what a process does not need to answer for a file: writing, reading, connecting, memory.

Landlock is part of Linux since 5.13; where it is missing, the limits on resources remain.
"""

import ctypes
import os
import resource
import sys
from pathlib import Path

from dynanoise_export import errors

# linux/landlock.h, whose numbers are the same on all machines.
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
ASK_VERSION = 1
BELOW_PATH = 1
EXECUTE, WRITE, READ, LIST = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REMOVE_FOLDER, REMOVE_FILE, MAKE_FOLDER, MAKE_FILE, TRUNCATE = 1 << 4, 1 << 5, 1 << 7, 1 << 8, 1 << 14
# In its own folder; it makes no links there, which the other side could follow.
OWN = READ | LIST | WRITE | REMOVE_FOLDER | REMOVE_FILE | MAKE_FOLDER | MAKE_FILE | TRUNCATE
# The rights to files that each version knows, from the first on; all of them are taken away.
FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
TCP = 0b11
SCOPES = 0b11
NO_NEW_PRIVILEGES = 38

# Where libraries look while they work.
SYSTEM = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime", "/nix/store", "/dev/urandom", "/dev/null",
          "/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system")  # fmt: skip


def confine(folder: Path, file: Path, memory: int) -> None:
    """Confine this process: it can write in one folder only, read what Python needs, and connect nowhere.

    Args:
        folder: to write in.
        file: to read besides.
        memory: how many bytes it may add to those that it has.
    """
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, memory)
    if sys.platform == "linux":
        _limit(resource.RLIMIT_DATA, _data_now() + memory)
        _landlock(folder, file)


def limit_seconds(seconds: int) -> None:
    """End this process when it has computed for some more seconds, on all processors together."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _limit(resource.RLIMIT_CPU, int(usage.ru_utime + usage.ru_stime) + seconds, hard=False)


def _limit(kind: int, value: int, *, hard: bool = True) -> None:
    _, most = resource.getrlimit(kind)
    value = value if most == resource.RLIM_INFINITY else min(value, most)
    resource.setrlimit(kind, (value, value if hard else most))


def _data_now() -> int:
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmData:"))
    return int(line.split()[1]) * 1024


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Below(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def _landlock(folder: Path, file: Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(CREATE_RULESET, None, 0, ASK_VERSION)
    if version < 1:
        return
    rights = (1 << FILE_RIGHTS[min(version, max(FILE_RIGHTS))]) - 1
    ruleset = _Ruleset(rights, TCP if version >= 4 else 0, SCOPES if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    rules = libc.syscall(CREATE_RULESET, ctypes.byref(ruleset), size, 0)
    if rules < 0:
        return
    _allow(libc, rules, folder, rights & OWN)
    for path in _readable(file):
        _allow(libc, rules, path, READ | LIST if path.is_dir() else READ)
    libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    if libc.syscall(RESTRICT_SELF, rules, 0) != 0:
        raise OSError(ctypes.get_errno(), "can't be confined")
    os.close(rules)


def _allow(libc: ctypes.CDLL, rules: int, path: Path, rights: int) -> None:
    opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        below = _Below(rights, opened)
        if libc.syscall(ADD_RULE, rules, BELOW_PATH, ctypes.byref(below), 0) != 0:
            raise OSError(ctypes.get_errno(), "can't be confined", str(path))
    finally:
        os.close(opened)


def _readable(file: Path) -> list[Path]:
    package = Path(errors.__file__).parent
    folders = [Path(name) for name in (*SYSTEM, sys.prefix, sys.base_prefix, *sys.path) if name]
    return [path for path in (*folders, package, file) if path.exists()]
