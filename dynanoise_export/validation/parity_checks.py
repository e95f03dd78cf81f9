"""Does the model compute what it states: the logits before the defence, the defence, and the answers."""

import numpy as np

from dynanoise_export.defences.base import Defence
from dynanoise_export.defences.keep_label import keep_label, keeping_label
from dynanoise_export.deployed.deployed_model import Graph
from dynanoise_export.probabilities import centred, log_probabilities
from dynanoise_export.types import Bools, Float64s, Floats
from dynanoise_export.validation.case import Case
from dynanoise_export.validation.check import Check, CheckCode, failed, judge, not_applicable, not_run
from dynanoise_export.validation.tolerance import ANSWER_TOLERANCE, EXACT, NOISE_IN_TF32, Tolerance, jumps

# A graph holds parameters in float32.
PARAMETER_TOLERANCE = 1e-6


def model_parity(logits: Floats, reference: Floats, tolerance: Tolerance, floor: float | None = None) -> list[Check]:
    """Check that the graph before its defence computes the reference's logits, and gives the same labels.

    Both are taken relative to each row's largest logit, which a softmax ignores.

    Args:
        logits: [n, k], of the graph.
        reference: [n, k].
        tolerance: of the largest difference.
        floor: the probability below which the reference does not show a logit; None if it shows all.
    """
    code = CheckCode.MODEL_PARITY
    if logits.shape != reference.shape:
        shapes = f"the graph gives {list(logits.shape)} and the reference {list(reference.shape)}"
        return [failed(code, f"The classes differ: {shapes}."), not_run(CheckCode.SAME_LABELS, shapes)]
    ours, theirs = logits.astype(np.float64), reference.astype(np.float64)
    if floor is not None:  # the reference's are logarithms of probabilities, so the graph's become the same
        ours, theirs = (np.maximum(log_p, np.log(floor)) for log_p in (log_probabilities(logits), theirs))
    ours, theirs = centred(ours), centred(theirs)
    differences = np.abs(ours - theirs)
    excess = (differences - tolerance.rtol * np.abs(theirs)).max(axis=1)
    worst = int(np.nan_to_num(excess, nan=np.inf).argmax())
    detail = (
        f"Logits differ by at most {differences.max():.2g}, by {np.quantile(differences, 0.999):.2g} at the 99.9th "
        f"percentile, over {len(differences):,} rows; row {worst} is the worst."
    )
    return [judge(code, float(excess[worst]), tolerance.atol, detail), _same_labels(ours, theirs, tolerance)]


def _same_labels(ours: Float64s, theirs: Float64s, tolerance: Tolerance) -> Check:
    flips = (ours.argmax(axis=1) != theirs.argmax(axis=1)) & ~undecided(theirs, tolerance)
    first = f"; the first is row {int(flips.argmax())}" if flips.any() else ""
    detail = f"{int(flips.sum()):,} of {len(flips):,} labels differ{first}."
    return judge(CheckCode.SAME_LABELS, int(flips.sum()), 0, detail)


def undecided(logits: Floats, tolerance: Tolerance) -> Bools:
    """Find the rows of logits [n, k] that may get either of two labels, as the tolerance allows: bool [n]."""
    first_two = np.sort(centred(logits.astype(np.float64)), axis=1)[:, -2:]
    allowed = 2 * tolerance.atol + tolerance.rtol * np.abs(first_two).sum(axis=1)
    return np.asarray(first_two[:, 1] - first_two[:, 0] <= allowed)


def defence_parity(
    answers: Floats, logits: Floats, scores: Floats, noise: Floats, defence: Defence, *, tf32: bool = False
) -> Check:
    """Check that the graph's defence answers as the reference does in float64, with the same noise.

    Args:
        answers: [n, k], of the graph with its noise fed from outside.
        logits: [n, k], of the same graph.
        scores: [n, k], logits or probabilities, of which the largest is the undefended label.
        noise: [n, k], the standard normals that it was fed.
        defence: that the model is judged by.
        tf32: whether a GPU may have computed in TF32, where the scale of the noise is not exact.
    """
    detail = "Under the same noise, answers differ from the defence's reference by at most"
    expected = defended(defence, logits, noise, scores)
    jump = jumps(defence, logits, EXACT)
    limit = ANSWER_TOLERANCE
    if tf32 and defence.law is not None:
        largest = float(np.abs(defence.law.scale(logits.astype(np.float64)) * noise).max(initial=0))
        limit = max(limit, NOISE_IN_TF32 * largest * defence.lipschitz)
    return _parity(CheckCode.DEFENCE_PARITY, answers, expected, limit, jump, detail)


def answer_parity(case: Case, answers: Floats) -> Check:
    """Check the answers of a defence that takes no noise against the reference's logits behind the same defence.

    Args:
        case: of the model.
        answers: [n, k], to its rows.
    """
    expected = defended(case.defence, case.expected, np.zeros_like(case.expected))
    limit = case.tolerance.of_answers(case.defence)
    detail = "Answers differ from the defended reference's by at most"
    jump = jumps(case.defence, case.expected, case.tolerance)
    return _parity(CheckCode.ANSWER_PARITY, answers, expected, limit, jump, detail)


def defended(defence: Defence, logits: Floats, noise: Floats, scores: Floats | None = None) -> Float64s:
    """Defend logits [n, k] with standard normals [n, k] in float64.

    Args:
        defence: what the answers become.
        logits: of n queries.
        noise: for each of them.
        scores: [n, k], of which the largest is the label to keep: probabilities may differ where float32 gives them the
            same logarithm. None for the logits.
    """
    z, eta = (array.astype(np.float64) for array in (logits, noise))
    answers = keeping_label(defence, keep=False).defend(z, eta)
    if defence.keep_label:
        label = (logits if scores is None else scores).argmax(axis=1)[:, None]
        answers = keep_label(answers, label)
    return np.asarray(answers, np.float64)


def _parity(code: CheckCode, answers: Floats, expected: Float64s, limit: float, jump: Float64s, detail: str) -> Check:
    if answers.shape != expected.shape:
        shapes = f"The answers have the shape {list(answers.shape)}, and {list(expected.shape)} was expected."
        return failed(code, shapes)
    differences = np.abs(answers - expected).max(axis=1)
    excess = differences - jump
    worst = int(np.nan_to_num(excess, nan=np.inf).argmax())
    detail = f"{detail} {differences[worst]:.2g}, over {len(differences):,} rows; row {worst} is the worst."
    return judge(code, float(excess[worst]), limit, detail + on_edges(jump))


def on_edges(jump: Float64s) -> str:
    """Say how many answers may jump, as a sentence after another one."""
    count = int((jump > 0).sum())
    return f" {count:,} lie on an edge of the defence, and may differ by a jump more." if count else ""


def kept_labels(answers: Floats, scores: Floats) -> Check:
    """Check that each answer's largest probability, and no other, is at the largest of the file's own scores.

    Args:
        answers: [n, k], of the graph.
        scores: [n, k], logits or probabilities, of the same graph; of equal scores the first counts.
    """
    label = scores.argmax(axis=1)[:, None]
    others = answers.copy()
    np.put_along_axis(others, label, -np.inf, axis=1)
    flips = int((~(np.take_along_axis(answers, label, axis=1)[:, 0] > others.max(axis=1))).sum())
    detail = f"{flips:,} of {len(answers):,} answers do not keep the undefended label."
    return judge(CheckCode.KEPT_LABELS, flips, 0, detail)


def stated_parameters(graph: Graph, defence: Defence) -> Check:
    """Check that the defence's node holds the parameters that the model is judged by."""
    code, node = CheckCode.STATED_PARAMETERS, graph.node_defence
    if node is None:
        return not_applicable(code, "no node of the graph states parameters, and its answers are judged")
    if node.name != defence.name:
        return failed(code, f"The graph holds the defence {node.name}, and is judged by {defence.name}.")
    ours, theirs = node.parameters, defence.parameters
    differences = {name: abs(ours[name] - theirs[name]) / max(abs(theirs[name]), 1e-30) for name in theirs}
    difference = max(differences.values(), default=0.0)
    detail = f"The graph holds {_listed(ours)}"
    detail += "." if difference <= PARAMETER_TOLERANCE else f", and is judged by {_listed(theirs)}."
    return judge(code, difference, PARAMETER_TOLERANCE, detail)


def _listed(parameters: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in parameters.items()) or "no parameters"
