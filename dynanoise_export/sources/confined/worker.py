"""The confined process: it opens one file, then answers for it until the other side closes the connection."""

import importlib
import os
import sys
from multiprocessing.connection import Connection
from pathlib import Path

from dynanoise_export.errors import UserError, first_line
from dynanoise_export.graph.model_files import write_model
from dynanoise_export.runtimes.failed_run import FailedRunError
from dynanoise_export.sources.confined.confinement import confine, limit_seconds
from dynanoise_export.sources.confined.exchange import (
    CONVERTED,
    Answer,
    Format,
    Question,
    described,
    receive_question,
    send,
)
from dynanoise_export.sources.source_module import Conversion, OpenedModule, SourceModule
from dynanoise_export.types import Array, Arrays

# What opens each format: a module and a function in it.
LOADERS = {
    Format.TORCHSCRIPT: ("dynanoise_export.sources.torchscript_module", "load_torchscript"),
    Format.TORCH_EXPORT: ("dynanoise_export.sources.program_module", "load_program"),
}


def main(descriptor: int, memory: int, seconds: int) -> None:
    """Answer questions.

    Args:
        descriptor: of the connection.
        memory: in bytes, that the process may add to what its libraries take.
        seconds: that it may compute for one question.
    """
    connection = Connection(descriptor)
    question, _ = receive_question(connection)
    try:
        opened = _open(question, memory)
        send(connection, *_opened(opened))
    except Exception as error:  # the other side says it in one sentence
        send(connection, _failure(error))
        return
    while True:
        try:
            question, arrays = receive_question(connection)
        except EOFError:
            return
        limit_seconds(seconds)
        try:
            answers = _done(opened.module, question, arrays)
            send(connection, Answer(), answers)
        except Exception as error:  # as above
            send(connection, _failure(error))


def _open(question: Question, memory: int) -> OpenedModule:
    module, function = LOADERS[Format(question.format)]
    load = getattr(importlib.import_module(module), function)
    confine(Path.cwd(), Path(question.path), memory)
    opened: OpenedModule = load(Path(question.path), trusted=False)
    return opened


def _opened(opened: OpenedModule) -> tuple[Answer, Arrays]:
    answer = Answer(inputs=described(opened.inputs), has_example=opened.example is not None)
    return answer, opened.example or {}


def _done(module: SourceModule, question: Question, arrays: Arrays) -> dict[str, Array]:
    if question.task == "run":
        return module.run(arrays)
    inputs = tuple(told.spec() for told in question.inputs)
    model = module.to_onnx(Conversion(inputs, arrays, tuple(question.outputs), question.output, question.opset))
    write_model(model, Path.cwd() / CONVERTED)
    return {}


def _failure(error: Exception) -> Answer:
    if not isinstance(error, UserError):
        return Answer(error="Exception", message=f"{type(error).__name__}: {first_line(error)}")
    reason = error.reason if isinstance(error, FailedRunError) else ""
    return Answer(error=type(error).__name__, message=str(error), reason=reason)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
    os._exit(0)  # what a library left behind must not hold up the end
