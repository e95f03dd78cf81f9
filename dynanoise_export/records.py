"""Records from files and servers: JSON that must have a stated form before anything looks at it."""

import json
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pydantic

from dynanoise_export.errors import FileAccessError, FormatError, UserError, first_line, root_of

# A record is small. What is larger or deeper than this was made to exhaust a parser.
LARGEST_RECORD = 64 << 20
DEEPEST = 100


class Record(pydantic.BaseModel):
    """A JSON object of a stated form: types are not converted, numbers are finite, other fields are ignored."""

    model_config = pydantic.ConfigDict(strict=True, frozen=True, extra="ignore", allow_inf_nan=False)


AnyRecord = TypeVar("AnyRecord", bound=Record)


def record_of(kind: type[AnyRecord], content: Any, what: str, error: type[UserError] = FormatError) -> AnyRecord:
    """Check a parsed JSON value, and give it as a record.

    Args:
        kind: of the record.
        content: what was parsed.
        what: names the file or the server, for the message.
        error: the kind of error to raise.

    Raises:
        UserError: of the kind `error`: the value has another form.
    """
    try:
        return kind.model_validate(content)
    except pydantic.ValidationError as invalid:
        first = invalid.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole record"
        raise error(f"{what} is damaged at {where}: {first['msg']}.") from invalid


def json_of(text: str | bytes, what: str, error: type[UserError] = FormatError) -> Any:
    """Parse JSON from a file or a server, of a bounded size and depth.

    Raises:
        UserError: of the kind `error`: it is no JSON, too large, or nested too deep.
    """
    if len(text) > LARGEST_RECORD:
        raise error(f"{what} is damaged: its JSON has more than {LARGEST_RECORD >> 20} MiB.")
    try:
        content = json.loads(text)
    except RecursionError as deep:
        raise error(f"{what} is damaged: its JSON is nested too deep.") from deep
    except ValueError as invalid:
        raise error(f"{what} is damaged: it holds no valid JSON ({first_line(invalid)}).") from invalid
    if _deeper_than(content, DEEPEST):
        raise error(f"{what} is damaged: its JSON is nested too deep.")
    return content


def _deeper_than(content: Any, limit: int) -> bool:
    level = [content]
    for _ in range(limit):
        level = [item for value in level for item in _items(value)]
        if not level:
            return False
    return True


def _items(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


@contextmanager
def reading(path: Path, kind: str, error: type[UserError] = FormatError) -> Iterator[None]:
    """Guard a parser of foreign bytes: whatever it raises becomes one sentence about the file.

    Args:
        path: of the file or folder.
        kind: what it should be, as in "an ONNX model".
        error: the kind of error to raise for bytes that the parser does not take.

    Raises:
        FileAccessError: the file is missing, can't be read, or is a pipe, a socket or a device, which may never end.
        UserError: of the kind `error`: its content can't be parsed.
    """
    try:
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise FileAccessError(f"{path} is neither a file nor a folder: copy what it gives into a file.")
        yield
    except UserError:
        raise
    except FileNotFoundError as missing:
        raise FileAccessError(f"{path} does not exist.") from missing
    except OSError as failed:
        if failed.errno is None:  # the parser's own, as Pillow raises it for a damaged image
            raise error(f"{path} is not {kind}, or is damaged: {first_line(failed)}.") from failed
        raise FileAccessError(f"Can't read {path}: {failed.strerror or first_line(failed)}.") from failed
    except Exception as foreign:  # a parser of foreign bytes can raise anything
        raise error(f"{path} is not {kind}, or is damaged: {first_line(root_of(foreign))}.") from foreign
