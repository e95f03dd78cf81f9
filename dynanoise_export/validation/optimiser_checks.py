"""Does the defence survive optimisers."""

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx

from dynanoise_export.errors import UnsupportedModelError, UserError, reason_of
from dynanoise_export.runtimes.fixed_batch import any_rows
from dynanoise_export.runtimes.onnx_runtime import LEVELS, OnnxRuntimePredictor
from dynanoise_export.runtimes.predictor import Predictor, answer
from dynanoise_export.types import Arrays, Float32s
from dynanoise_export.validation.case import Case
from dynanoise_export.validation.check import Check, CheckCode, failed, judge, not_run, warn
from dynanoise_export.validation.input_noise_checks import with_normals
from dynanoise_export.validation.noise_alive import repeated_rows
from dynanoise_export.validation.tolerance import jumps

OF_LEVEL = {
    "no optimisation": CheckCode.SURVIVES_ONNXRUNTIME_NO_OPTIMISATION,
    "basic": CheckCode.SURVIVES_ONNXRUNTIME_BASIC,
    "extended": CheckCode.SURVIVES_ONNXRUNTIME_EXTENDED,
    "all": CheckCode.SURVIVES_ONNXRUNTIME_ALL,
}

Opener = Callable[[], OnnxRuntimePredictor]
Judge = Callable[[CheckCode, Predictor], Check]


def survives_optimisers(case: Case, path: Path, *, repeats: bool) -> list[Check]:
    """Check the file at each level of ONNX Runtime's optimisation, and after offline optimisers.

    Args:
        case: of the model. If it takes its noise as an input, two different noises are sent.
        path: of its ONNX file.
        repeats: whether the answers repeat with the query, because the noise is keyed or there is none. They must then
            be the answers without any optimisation. Otherwise two calls must not get the same answers.
    """
    checks = []
    judged = _unchanged(case, path) if repeats else _alive(case)
    with TemporaryDirectory() as folder:
        for code, opener in _openers(path, Path(folder)):
            try:
                with any_rows(opener(), case.batch) as predictor:
                    checks.append(judged(code, predictor))
            except UserError as error:
                checks.append(_does_not_run(code, error))
    return checks


def _does_not_run(code: CheckCode, error: UserError) -> Check:
    """Judge that no file that runs was made. It can't hide a dead defence, so a foreign optimiser only warns."""
    if code is not CheckCode.SURVIVES_ONNXSLIM:
        return failed(code, f"The file does not run after it: {error}")
    return warn(code, f"onnxslim makes nothing that runs of the file, perhaps because of its model: {error}")


def _openers(path: Path, folder: Path) -> Iterator[tuple[CheckCode, Opener]]:
    for level in LEVELS:
        yield OF_LEVEL[level], lambda level=level: OnnxRuntimePredictor(path, level=level)  # type: ignore[misc]
    yield CheckCode.SURVIVES_ONNXRUNTIME_OFFLINE, lambda: _optimised_offline(path, folder / "offline.onnx")
    if importlib.util.find_spec("onnxslim") is not None:
        yield CheckCode.SURVIVES_ONNXSLIM, lambda: _slimmed(path, folder / "slim.onnx")


def _optimised_offline(path: Path, saved: Path) -> OnnxRuntimePredictor:
    OnnxRuntimePredictor(path, save_optimised=saved).close()
    return OnnxRuntimePredictor(saved)


def _slimmed(path: Path, saved: Path) -> OnnxRuntimePredictor:
    import onnxslim

    try:
        onnx.save(onnxslim.slim(str(path)), saved)
    except Exception as error:  # it can raise any exception on an unforeseen graph
        raise UnsupportedModelError(f"onnxslim fails on the file: {error}") from error
    return OnnxRuntimePredictor(saved)


def _unchanged(case: Case, path: Path) -> Judge:
    try:
        with any_rows(OnnxRuntimePredictor(path, level="no optimisation"), case.batch) as predictor:
            expected = _answers(case, predictor, case.rows)
    except UserError as error:
        reason = reason_of(error)
        return lambda code, predictor: not_run(code, reason)

    # Optimisers may change the order of sums.
    same = case.tolerance.of_answers(case.defence) + jumps(case.defence, case.expected, case.tolerance)

    def judged(code: CheckCode, predictor: Predictor) -> Check:
        answers = _answers(case, predictor, case.rows)
        changed = int((~(np.abs(answers - expected).max(axis=1) <= same)).sum())
        # With keyed noise, a row or two may lie exactly on the edge of a cell.
        limit = len(answers) // 8 if case.defence.takes_noise else 0
        return judge(code, changed, limit, f"{changed:,} of {len(answers):,} rows get another answer.")

    return judged


def _alive(case: Case) -> Judge:
    def judged(code: CheckCode, predictor: Predictor) -> Check:
        first, second = (_answers(case, predictor, with_normals(case, case.rows, call)) for call in range(2))
        same, count = repeated_rows(first, second)
        if not count:
            return not_run(code, "every answer is certain, and so the same under any noise")
        # With few classes, two rows of noise may round to the same answer.
        return judge(code, same, count // 2, f"{same:,} of {count:,} rows get the same answer twice.")

    return judged


def _answers(case: Case, predictor: Predictor, rows: Arrays) -> Float32s:
    return np.asarray(answer(predictor, rows, case.model.answers, case.model.name, case.classes), np.float32)
