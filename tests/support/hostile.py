"""Files that run code if they are opened carelessly."""

import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


class Payload:
    """Writes a file when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (code(self.file),)


def code(file: Path) -> str:
    """Write a Python expression that writes a file."""
    return f"__import__('pathlib').Path({str(file)!r}).touch()"


def rewritten(
    path: Path,
    out: Path,
    changes: Mapping[str, Callable[[bytes], bytes]] | None = None,
    added: Mapping[str, bytes] | None = None,
    renamed: Mapping[str, str] | None = None,
) -> Path:
    """Copy a PyTorch archive, whose records are all in one folder, with some records changed, added or renamed."""
    changes, renamed = changes or {}, renamed or {}
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(out, "w") as copy:
        root = archive.namelist()[0].split("/")[0]
        for member in archive.namelist():
            name = member.removeprefix(f"{root}/")
            content = changes.get(name, lambda same: same)(archive.read(member))
            copy.writestr(f"{root}/{renamed.get(name, name)}", content)
        for name, content in (added or {}).items():
            copy.writestr(f"{root}/{name}", content)
    return out


def in_json(change: Callable[[Any], None]) -> Callable[[bytes], bytes]:
    """Make a change of a JSON record from a change of its content."""

    def changed(record: bytes) -> bytes:
        document = json.loads(record)
        change(document)
        return json.dumps(document).encode()

    return changed


def with_text(old: str, new: str) -> Callable[[bytes], bytes]:
    """Make a change that replaces a text everywhere in a JSON record, also in keys."""

    def changed(record: bytes) -> bytes:
        assert json.dumps(old).encode() in record
        return record.replace(json.dumps(old).encode(), json.dumps(new).encode())

    return changed
