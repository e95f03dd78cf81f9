"""What the two processes say to each other: records in JSON, and arrays as bytes, so that neither can run code."""

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from math import prod
from multiprocessing.connection import Connection
from typing import Annotated, Literal

import numpy as np
import pydantic

from dynanoise_export.errors import FormatError, UnsupportedModelError
from dynanoise_export.records import LARGEST_RECORD, Record, json_of, record_of
from dynanoise_export.types import Array, TensorSpec

# The file that a converted model is written to, in the process's own folder.
CONVERTED = "converted.onnx"

LARGEST_ARRAY = 4 << 30
MOST_ARRAYS = 1000
NumberType = Literal[
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64",
    "complex64", "complex128",
]  # fmt: skip
Size = Annotated[int, pydantic.Field(ge=0, le=1 << 40)]


class Format(StrEnum):
    """The formats that are opened in a confined process."""

    TORCHSCRIPT = "torchscript"
    TORCH_EXPORT = "torch-export"


class Described(Record):
    """An array that follows, or an input of a module."""

    name: str
    dtype: NumberType
    shape: list[Size | str] = pydantic.Field(max_length=64)

    def spec(self) -> TensorSpec:
        """Give the input."""
        return TensorSpec(self.name, self.dtype, tuple(self.shape))


class Question(Record):
    """What the confined process is asked: to open a file, to run rows, or to convert the module."""

    task: Literal["open", "run", "convert"]
    path: str = ""
    format: str = ""
    inputs: list[Described] = pydantic.Field(default=[])
    outputs: list[str] = pydantic.Field(default=[])
    output: str = ""
    opset: int | None = None


class Answer(Record):
    """What it answers, or which error of the library it raised.

    Attributes:
        inputs: that the file states, after "open".
        has_example: whether the arrays are the example of the file.
        error: the name of the class.
        message: of the error.
        reason: of a failed run.
    """

    inputs: list[Described] = pydantic.Field(default=[])
    has_example: bool = False
    error: str = ""
    message: str = ""
    reason: str = ""


class _Message(Record):
    question: Question | None = None
    answer: Answer | None = None
    arrays: list[Described] = pydantic.Field(default=[], max_length=MOST_ARRAYS)


def described(specs: tuple[TensorSpec, ...]) -> list[Described]:
    """Describe inputs."""
    return [_described(spec.name, spec.dtype, spec.shape) for spec in specs]


def _described(name: str, dtype: str, shape: Sequence[int | str]) -> Described:
    try:
        return Described.model_validate({"name": name, "dtype": dtype, "shape": list(shape)})
    except pydantic.ValidationError as error:
        told = f"{name!r} has the type {dtype} and the shape {list(shape)}"
        raise UnsupportedModelError(f"{told}, which no model takes.") from error


def send(connection: Connection, said: Question | Answer, arrays: Mapping[str, Array] | None = None) -> None:
    """Send a question or an answer, with arrays by name."""
    held = {name: np.asarray(array) for name, array in (arrays or {}).items()}
    if large := [name for name, array in held.items() if array.nbytes > LARGEST_ARRAY]:
        raise UnsupportedModelError(f"The array {large[0]!r} is too large to pass on.")
    message = {
        "question" if isinstance(said, Question) else "answer": said.model_dump(),
        "arrays": [_described(name, a.dtype.name, a.shape).model_dump() for name, a in held.items()],
    }
    contents = [array.tobytes() for array in held.values()]  # before anything is sent: memory may be short
    connection.send_bytes(json.dumps(message).encode())
    for content in contents:
        connection.send_bytes(content)


def receive_question(connection: Connection) -> tuple[Question, dict[str, Array]]:
    """Wait for a question.

    Raises:
        EOFError: the other process ended.
    """
    message, arrays = _receive(connection)
    if message.question is None:
        raise FormatError("The message holds no question.")
    return message.question, arrays


def receive_answer(connection: Connection) -> tuple[Answer, dict[str, Array]]:
    """Wait for an answer.

    Raises:
        EOFError: the other process ended.
        FormatError: what it sent has another form.
    """
    message, arrays = _receive(connection)
    if message.answer is None:
        raise FormatError("The message holds no answer.")
    return message.answer, arrays


def _receive(connection: Connection) -> tuple[_Message, dict[str, Array]]:
    what = "A message of the confined process"
    message = record_of(_Message, json_of(connection.recv_bytes(LARGEST_RECORD), what), what)
    return message, {array.name: _array(connection, array) for array in message.arrays}


def _array(connection: Connection, told: Described) -> Array:
    shape, dtype = [size for size in told.shape if isinstance(size, int)], np.dtype(told.dtype)
    if len(shape) < len(told.shape):
        raise FormatError(f"The array {told.name!r} has a shape that is none.")
    if prod(shape) * dtype.itemsize > LARGEST_ARRAY:
        raise FormatError(f"The array {told.name!r} is too large.")
    content = bytearray(connection.recv_bytes(LARGEST_ARRAY))
    if len(content) != prod(shape) * dtype.itemsize:
        raise FormatError(f"The array {told.name!r} has another size than it states.")
    array: Array = np.frombuffer(content, dtype).reshape(shape)
    return array
