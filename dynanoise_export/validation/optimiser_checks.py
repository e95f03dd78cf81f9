"""Does the noise live on after optimisers have been at the file."""

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx

from dynanoise_export.errors import UserError
from dynanoise_export.runtimes.onnx_runtime import LEVELS, OnnxRuntimePredictor
from dynanoise_export.runtimes.predictor import rows_of
from dynanoise_export.sources.inputs import Arrays
from dynanoise_export.validation.check import Check, judge, not_made
from dynanoise_export.validation.subject import Subject

CERTAIN = 1 - 1e-6
# Optimisers may sum in another order.
SAME = 1e-5

Opener = Callable[[], OnnxRuntimePredictor]


def survives_optimisers(subject: Subject, path: Path, rows: Arrays, *, repeats: bool = False) -> list[Check]:
    """Check that the noise lives on, at each level of ONNX Runtime's and after offline optimisers.

    Args:
        subject: the model.
        path: of its ONNX file.
        rows: what a client sends, and, for the noise source `input`, two different noises are sent with it.
        repeats: the noise repeats with the query, and must be what it is without any optimisation; without that, two
            calls must not get the same answers.
    """
    checks = []
    judged = _same(subject, path, rows) if repeats else _alive
    with TemporaryDirectory() as folder:
        for name, opener in _openers(path, Path(folder)):
            try:
                checks.append(judged(f"survives {name}", subject, opener(), rows))
            except UserError as error:
                checks.append(Check(f"survives {name}", False, None, None, f"It does not run after it: {error}"))
    return checks


def _openers(path: Path, folder: Path) -> Iterator[tuple[str, Opener]]:
    for level in LEVELS:
        yield f"ONNX Runtime, {level}", lambda level=level: OnnxRuntimePredictor(path, level=level)  # type: ignore[misc]
    yield "ONNX Runtime, offline", lambda: _optimised_offline(path, folder / "offline.onnx")
    if importlib.util.find_spec("onnxslim") is not None:
        yield "onnxslim", lambda: _slimmed(path, folder / "slim.onnx")


def _optimised_offline(path: Path, saved: Path) -> OnnxRuntimePredictor:
    OnnxRuntimePredictor(path, save_optimised=saved)
    return OnnxRuntimePredictor(saved)


def _slimmed(path: Path, saved: Path) -> OnnxRuntimePredictor:
    import onnxslim

    try:
        onnx.save(onnxslim.slim(str(path)), saved)
    except Exception as error:  # it raises whatever an unforeseen graph makes it raise
        raise UserError(f"onnxslim fails on the file: {error}") from error
    return OnnxRuntimePredictor(saved)


def _same(subject: Subject, path: Path, rows: Arrays) -> Callable[[str, Subject, OnnxRuntimePredictor, Arrays], Check]:
    try:
        expected = OnnxRuntimePredictor(path, level="no optimisation").run(rows)[subject.deployed.answers]
    except UserError as error:
        reason = str(error).rstrip(".")
        return lambda name, subject, predictor, rows: not_made(name, reason)

    def judged(name: str, subject: Subject, predictor: OnnxRuntimePredictor, rows: Arrays) -> Check:
        strays = np.abs(np.asarray(predictor.run(rows)[subject.deployed.answers]) - np.asarray(expected)).max(axis=1)
        changed = int((~(strays <= SAME)).sum())
        # A row or two may lie on the very edge of a cell.
        return judge(name, changed, len(strays) // 8, f"{changed:,} of {len(strays):,} rows get another answer.")

    return judged


def _alive(name: str, subject: Subject, predictor: OnnxRuntimePredictor, rows: Arrays) -> Check:
    first, second = (
        predictor.run(rows | fed_noise(subject, rows, call))[subject.deployed.answers] for call in range(2)
    )
    # An answer that is certain in float32 stays the same under any noise.
    telling = np.asarray(first).max(axis=1) < CERTAIN
    same = int((np.asarray(first) == np.asarray(second)).all(axis=1)[telling].sum())
    count = int(telling.sum())
    if not count:
        return not_made(name, "every answer is certain, and so the same under any noise")
    # Of few classes, two rows of noise may round to the same answer.
    return judge(name, same, count // 2, f"{same:,} of {count:,} rows get the same answer twice.")


def fed_noise(subject: Subject, rows: Arrays, seed: int) -> Arrays:
    """Draw standard normals for a file that takes its noise as an input; nothing for another."""
    if subject.deployed.noise_input is None:
        return {}
    shape = (rows_of(rows), subject.classes)
    return {subject.deployed.noise_input: np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)}
