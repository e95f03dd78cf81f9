"""Does the file compute what it is said to: the model before the head, and the head."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from dynanoise_export.defences.dynanoise import Head
from dynanoise_export.deployed.deployed_model import Graph
from dynanoise_export.parameters import Parameters
from dynanoise_export.probabilities import centred
from dynanoise_export.validation.check import Check, judge, not_made

Floats = npt.NDArray[np.floating]

# In probability: what float32 can't be blamed for.
HEAD_TOLERANCE = 1e-5


@dataclass(frozen=True)
class Tolerance:
    """How far logits may stray: |Δ| ≤ atol + rtol · |logit|, with the logits relative to each row's largest.

    The defaults are what float32 takes for a deep network between two runtimes; a float16 body needs more.
    """

    atol: float = 1e-4
    rtol: float = 1e-5

    def of_answers(self, temperature: float) -> float:
        """Tell how far a probability may stray where logits may stray by so much."""
        return max(HEAD_TOLERANCE, self.atol / temperature)


def model_parity(logits: Floats, reference: Floats, tolerance: Tolerance) -> list[Check]:
    """Check that the graph before its head computes the reference's logits.

    Both are taken relative to each row's largest, which a softmax does not see.

    Args:
        logits: [n, k], of the graph.
        reference: [n, k].
        tolerance: of the largest difference.
    """
    name, label = "model parity", "same labels"
    if logits.shape != reference.shape:
        said = f"the graph gives {list(logits.shape)} and the reference {list(reference.shape)}"
        return [Check(name, False, None, None, f"The classes differ: {said}."), not_made(label, said)]
    ours, theirs = centred(logits.astype(np.float64)), centred(reference.astype(np.float64))
    strays = np.abs(ours - theirs)
    excess = (strays - tolerance.rtol * np.abs(theirs)).max(axis=1)
    worst = int(np.nan_to_num(excess, nan=np.inf).argmax())
    detail = (
        f"Logits differ by {strays.max():.2g} at most, by {np.quantile(strays, 0.999):.2g} at the 99.9th percentile, "
        f"over {len(strays):,} rows; row {worst} is the worst."
    )
    return [judge(name, float(excess[worst]), tolerance.atol, detail), _same_labels(label, ours, theirs, tolerance)]


def _same_labels(name: str, ours: Floats, theirs: Floats, tolerance: Tolerance) -> Check:
    # Where the reference's own first and second are closer than two logits may stray, either is right.
    first_two = np.sort(theirs, axis=1)[:, -2:]
    allowed = 2 * tolerance.atol + tolerance.rtol * np.abs(first_two).sum(axis=1)
    clear = first_two[:, 1] - first_two[:, 0] > allowed
    flips = (ours.argmax(axis=1) != theirs.argmax(axis=1)) & clear
    told = f"; the first is row {int(flips.argmax())}" if flips.any() else ""
    return judge(name, int(flips.sum()), 0, f"{int(flips.sum()):,} of {len(flips):,} labels differ{told}.")


def head_parity(answers: Floats, logits: Floats, noise: Floats, head: Head) -> Check:
    """Check that the head, fed the same standard normals, answers as Algorithm 1 does in float64.

    Args:
        answers: [n, k], of the graph with its noise fed from outside.
        logits: [n, k], of the same graph.
        noise: [n, k], what it was fed.
        head: with the parameters that the file is judged by.
    """
    expected = head.defend(torch.tensor(logits, dtype=torch.float64), torch.tensor(noise, dtype=torch.float64)).numpy()
    if answers.shape != expected.shape:
        return Check("head parity", False, None, None, f"The answers have the shape {list(answers.shape)}.")
    strays = np.abs(answers - expected).max(axis=1)
    worst = int(np.nan_to_num(strays, nan=np.inf).argmax())
    detail = (
        f"Under the same noise, answers differ from Algorithm 1 by {strays[worst]:.2g} at most, "
        f"over {len(strays):,} rows; row {worst} is the worst."
    )
    return judge("head parity", float(strays[worst]), HEAD_TOLERANCE, detail)


def kept_labels(answers: Floats, logits: Floats) -> Check:
    """Check that each answer's largest probability, and no other, is at the largest of the file's own logits.

    Args:
        answers: [n, k], of the graph.
        logits: [n, k], of the same graph; of equal ones the first counts.
    """
    label = logits.argmax(axis=1)[:, None]
    others = answers.copy()
    np.put_along_axis(others, label, -np.inf, axis=1)
    flips = int((~(np.take_along_axis(answers, label, axis=1)[:, 0] > others.max(axis=1))).sum())
    return judge("kept labels", flips, 0, f"{flips:,} of {len(answers):,} answers do not keep the undefended label.")


def stated_parameters(graph: Graph, judged_by: Parameters) -> Check:
    """Check that the head's node holds the parameters that the file is judged by."""
    name = "stated parameters"
    if graph.attributes is None:
        return Check(name, True, None, None, "The head is no node that states parameters; its answers are judged.")
    ours, theirs = _values(graph.attributes), _values(judged_by)
    # The graph holds them in float32.
    difference = float(np.max(np.abs(ours - theirs) / np.maximum(np.abs(theirs), 1e-30)))
    detail = f"The graph holds sigma0 {ours[0]:g}, lambda {ours[1]:g}, temperature {ours[2]:g}"
    detail += "." if difference <= 1e-6 else f", and is judged by {theirs[0]:g}, {theirs[1]:g}, {theirs[2]:g}."
    return judge(name, difference, 1e-6, detail)


def _values(parameters: Parameters) -> npt.NDArray[np.float64]:
    return np.array([parameters.sigma0, parameters.lambda_, parameters.temperature])
