"""Does anything leave the file that the noise does not cover."""

import numpy as np
import numpy.typing as npt

from dynanoise_export.deployed.deployed_model import DeployedModel, Graph
from dynanoise_export.probabilities import distributed
from dynanoise_export.validation.check import Check, judge


def no_leak(deployed: DeployedModel, graph: Graph) -> Check:
    """Check, by the taint walk, that every output is covered by the noise and that there is one alone."""
    leaks = list(graph.leaks.leaks)
    others = [name for name in deployed.others if name not in leaks]
    labels = [name for name in graph.leaks.labelled if not deployed.keep_label]
    bad = leaks + others + labels
    if not bad:
        kept = "; it keeps the undefended label, as stated" if graph.leaks.labelled else ""
        return judge("no leak", 0, 0, f"{deployed.answers} is the only output, and the noise covers it{kept}.")
    told = [f"{name} is not covered by the noise" for name in leaks]
    told += [f"{name} is an output beside the answers" for name in others]
    told += [f"{name} tells the undefended label, which the file does not state" for name in labels]
    return judge("no leak", len(bad), 0, "; ".join(told) + ".")


def unseen_graph(deployed: DeployedModel) -> Check:
    """Say what could not be judged of a model whose graph can't be seen."""
    detail = (
        f"The graph of {deployed.name} can't be seen, and was not walked for leaks, seeds and dead draws: "
        "validate the ONNX file that it was made of as well."
    )
    return Check("graph seen", False, None, None, detail, warning=True)


def lone_output(deployed: DeployedModel) -> Check:
    """Check that a model whose graph can't be seen gives nothing beside its answers."""
    told = f"{', '.join(deployed.others)} beside {deployed.answers}" if deployed.others else f"{deployed.answers} alone"
    return judge("no leak", len(deployed.others), 0, f"The model gives {told}.")


def no_seed(graph: Graph) -> Check:
    """Check that no draw repeats itself in every session."""
    seeded = [draw.name for draw in graph.leaks.draws if draw.seeded]
    detail = f"Seeded: {', '.join(seeded)}." if seeded else "No random operator has a seed."
    return judge("no seed", len(seeded), 0, detail)


def live_draws(deployed: DeployedModel, graph: Graph) -> Check:
    """Check that the draws hang on values that change with the query, so that no optimiser folds them."""
    draws = graph.leaks.draws
    dead = [f"{draw.operator} {draw.name}" for draw in draws if not draw.live]
    name = "live draws"
    if deployed.noise_input is not None and not draws:
        return judge(name, 0, 0, f"The noise comes in through {deployed.noise_input}; nothing is drawn.")
    if not draws:
        return judge(name, 1, 0, "No random operator is left in the graph.")
    if dead:
        return judge(name, len(dead), 0, f"An optimiser may fold: {', '.join(dead)}.")
    return judge(name, 0, 0, f"{', '.join(draw.name for draw in draws)} hangs on the live query.")


def no_overridable_weight(graph: Graph) -> Check:
    """Check that no weight is an input too, for a caller could send another in its place."""
    names = graph.leaks.overridable
    detail = f"A caller may replace {', '.join(names)}." if names else "No caller can replace a weight."
    return judge("no overridable weight", len(names), 0, detail)


def distributions(answers: npt.NDArray[np.floating]) -> Check:
    """Check that each answer [..., k] is a distribution over the classes, without NaN."""
    bad = ~distributed(answers)
    detail = f"{int(bad.sum()):,} of {bad.size:,} answers are no distributions over the classes."
    return judge("answers are probabilities", int(bad.sum()), 0, detail)
