"""The JSON documents of the commands: what they have in common, and how one is written.

A document is a TypedDict, in a module for each command. Its schema ends with a version, which changes whenever a key
gets another name or another meaning.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

from dynanoise_export.defences.base import Defence
from dynanoise_export.files import written_whole
from dynanoise_export.graph.provenance import Provenance, tool_versions
from dynanoise_export.intervals import Interval
from dynanoise_export.printable import printable
from dynanoise_export.types import TensorSpec

VERSION = 2


class SubjectDocument(TypedDict):
    """The model that a document is about.

    Attributes:
        path: its path or URL.
        sha256: of the file and its external data; None if it is not known.
        content_sha256: of an ONNX file's content, which stays the same if another tool saves it again; None for others.
        parameters: of its defence, by name; None if it has none.
    """

    path: str
    sha256: str | None
    content_sha256: str | None
    parameters: dict[str, float] | None


class CachedDocument(TypedDict):
    """Answers that were taken from an earlier run; `oldest` and `newest` are times in UTC, in ISO 8601."""

    count: int
    oldest: str
    newest: str


class Header(TypedDict):
    """What every document begins with.

    Attributes:
        schema: "dynanoise-export/COMMAND/VERSION".
        tool: versions of this tool and of the libraries that a graph passes through.
        subject: the model.
        defence: the name of its defence; None if it has none.
        passed: whether the command found nothing to fail; true for commands that can't fail; None if it was given
            nothing to judge by, which is no verdict.
    """

    schema: str
    tool: dict[str, str]
    subject: SubjectDocument
    defence: str | None
    passed: bool | None


class InputDocument(TypedDict):
    """An input of a model; a dynamic axis has a name in place of a size."""

    name: str
    dtype: str
    shape: list[int | str]


def header(
    command: str,
    path: Path | str,
    sha256: str | None,
    defence: Defence | Provenance | None,
    *,
    content: str | None = None,
    passed: bool | None = True,
) -> Header:
    """Give what the document of a command begins with.

    Args:
        command: its name.
        path: of the model, or its URL.
        sha256: of the model; None if it is not known.
        defence: the defence itself, or a provenance that states it; None if the model has none.
        content: the digest of an ONNX file's content; None for other models.
        passed: whether the command found nothing to fail; None if it judged nothing.
    """
    parameters = None if defence is None else defence.parameters
    return {
        "schema": f"dynanoise-export/{command}/{VERSION}",
        "tool": tool_versions(),
        "subject": {"path": str(path), "sha256": sha256, "content_sha256": content, "parameters": parameters},
        "defence": defence.defence if isinstance(defence, Provenance) else defence.name if defence else None,
        "passed": passed,
    }


def input_document(spec: TensorSpec) -> InputDocument:
    """Describe an input."""
    return {"name": spec.name, "dtype": spec.dtype, "shape": list(spec.shape)}


def ends(interval: Interval) -> list[float]:
    """Give the ends of an interval."""
    return [interval.low, interval.high]


def printable_json(document: Mapping[str, object]) -> str:
    """Write a document as JSON, in which a figure that is not finite is null.

    What would act on a terminal is escaped, as JSON allows within strings.
    """
    text = json.dumps(_finite(document), indent=2, ensure_ascii=False, allow_nan=False)
    return "".join(char if char == "\n" or printable(char) == char else json.dumps(char)[1:-1] for char in text)


def _finite(value: object) -> object:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {name: _finite(item) for name, item in value.items()}
        case list() | tuple():
            return [_finite(item) for item in value]
    return value


def write_document(document: Mapping[str, object], path: Path) -> None:
    """Write a document to a file, or to standard output if the path is `-`.

    Raises:
        FileAccessError: the file can't be written.
    """
    text = printable_json(document)
    if str(path) == "-":
        print(text)
        return
    with written_whole(path) as staged:
        staged.write_text(text + "\n", encoding="utf-8")
