"""Export a model, compare the file with Algorithm 1, and validate it."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime

from benchmarks.zoo.entry import Entry, Made, Scores, logits_of
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.errors import UserError
from dynanoise_export.exporting import export
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.validation.check import Outcome
from dynanoise_export.validation.validating import validate
from support.algorithm import algorithm_1

EXPORTED, REFUSED = "exported", "refused"
SIGMA0, LAMBDA, TEMPERATURE = 2.0, 1.5, 3.0
SHOWN_OPERATORS = 4
# What ONNX Runtime's generator on the CPU makes `validate` warn about in every file with random noise.
OF_EVERY_FILE = ("noise-fresh-between-sessions", "generator")
# They stand between an output and what computes it, and say nothing about its values.
PASSED_OVER = {"Identity", "Constant"}


class NotMadeError(Exception):
    """A model can't be made: a package is missing, or its converter refuses it."""


@dataclass(frozen=True)
class Result:
    """What the tool made of a model.

    Attributes:
        name: of the model.
        made_by: the tools that its file went through.
        scores: what they are, as whoever made it knows.
        ends_in: the last operators of the undefended file.
        verdict: exported or refused.
        place: where the defence sits.
        difference: the largest between the file's answers and Algorithm 1 in float64; None if it was not exported.
        validated: "passed", the warnings, or the checks that failed; "" if it was not exported.
        reason: for the refusal.
        right: whether all of this is as it should be.
    """

    name: str
    made_by: str
    scores: str
    ends_in: str
    verdict: str
    place: str = ""
    difference: float | None = None
    validated: str = ""
    reason: str = ""
    right: bool = False

    def line(self) -> str:
        """Write it as a line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)


def judge(entry: Entry, folder: Path) -> Result:
    """Make a model in a folder of its own, export it with noise that is fed and with its own, and judge both files.

    Raises:
        NotMadeError: the model can't be made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        made = entry.make(folder)
    except Exception as error:  # whatever a foreign trainer or converter raises
        raise NotMadeError(f"{type(error).__name__}: {str(error).splitlines()[0]}") from error
    ends_in = ending(made)
    stated = (entry.name, entry.made_by, entry.scores.value, ends_in)
    defence = DynaNoise(SIGMA0, LAMBDA, TEMPERATURE)
    try:
        fed = export(
            made.path, folder / "fed.onnx", defence=defence, noise=NoiseSource.INPUT, source_options=made.options
        )
    except UserError as error:
        reason = str(error).replace(f"{folder}{os.sep}", "").replace(str(made.path), made.path.name)
        return Result(*stated, REFUSED, reason=reason, right=entry.scores is Scores.REFUSED)
    difference = compare(fed.path, made, entry.scores) if entry.scores is not Scores.REFUSED else None
    validated = validation(entry, made, folder)
    failed = validated.removeprefix("failed: ") if validated.startswith("failed") else ""
    right = difference is not None and difference < entry.limit and failed == entry.fails
    return Result(*stated, EXPORTED, fed.logits, difference, validated, right=right)


def compare(path: Path, made: Made, kind: Scores) -> float:
    """Give the largest difference between a file's answers and Algorithm 1 on the model's own scores."""
    scores = undefended(made) if made.scores is None else made.scores
    logits = logits_of(scores, kind)
    noise = np.random.default_rng(0).standard_normal(logits.shape, dtype=np.float32)
    answers = run(opened(path), None, {**made.rows, "noise": noise})
    expected = algorithm_1(logits, noise, SIGMA0, LAMBDA, TEMPERATURE)
    return float(np.abs(np.concatenate(answers) - expected).max())


def undefended(made: Made) -> np.ndarray:
    """Run a model's own ONNX file, and give its scores [n, k]; the maps of a ZipMap become rows."""
    session = opened(made.path)
    parts = run(session, made.output or made.options.logits or session.get_outputs()[-1].name, made.rows)
    if isinstance(parts[0], list):
        return np.array([[one[key] for key in sorted(one)] for part in parts for one in part])
    return np.concatenate(parts)


def run(session: onnxruntime.InferenceSession, output: str | None, rows: dict[str, np.ndarray]) -> list[Any]:
    """Run a file for one of its outputs, in batches of the size that it is fixed to; None for its only output."""
    count, fixed = len(next(iter(rows.values()))), session.get_inputs()[0].shape[0]
    step = fixed if isinstance(fixed, int) and fixed > 0 else count
    wanted = None if output is None else [output]
    batches = ({name: value[start : start + step] for name, value in rows.items()} for start in range(0, count, step))
    return [session.run(wanted, batch)[0] for batch in batches]


def opened(path: Path) -> onnxruntime.InferenceSession:
    """Open a file in ONNX Runtime, on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def validation(entry: Entry, made: Made, folder: Path) -> str:
    """Validate a file with random noise and the defaults on the rows, and name what failed.

    For a large model, which takes minutes for the thousands of answers that an audit of the noise needs, the file with
    fed noise is validated.
    """
    defended, data = folder / ("fed.onnx" if entry.large else "defended.onnx"), folder / "rows.npz"
    single = len(made.rows) == 1
    labels = {} if made.labels is None else {"y": made.labels}
    np.savez(data, **{"x" if single else f"inputs.{name}": rows for name, rows in made.rows.items()}, **labels)
    try:
        if not entry.large:
            export(made.path, defended, source_options=made.options)
        found = validate(defended, made.path, data=data, source_options=made.options, atol=entry.limit)
    except UserError as error:
        return f"failed: {str(error).replace(f'{folder}{os.sep}', '')}"
    of = {outcome: [check.code.value for check in found.checks if check.outcome is outcome] for outcome in Outcome}
    if failed := of[Outcome.FAILED] + [f"{code} not run" for code in of[Outcome.NOT_RUN]]:
        return f"failed: {', '.join(failed)}"
    warned = [code for code in of[Outcome.WARNING] if code not in OF_EVERY_FILE]
    how = "passed with fed noise" if entry.large else "passed"
    return f"{how}; warned: {', '.join(warned)}" if warned else how


def ending(made: Made) -> str:
    """Name the last operators of a model's ONNX file, on the way to its scores."""
    if made.path.suffix != ".onnx":
        return "PyTorch"
    graph = onnx.load(made.path, load_external_data=False).graph
    makers = {name: node for node in graph.node for name in node.output}
    name, found = made.output or made.options.logits or graph.output[-1].name, []
    while name in makers and len(found) < SHOWN_OPERATORS:
        node = makers[name]
        if node.op_type not in PASSED_OVER:
            found.append(node.op_type)
        name = next((one for one in node.input if one in makers and makers[one].op_type != "Constant"), "")
    return " → ".join(reversed(found))
