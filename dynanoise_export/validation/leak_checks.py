"""Does anything leave the model that the defence does not cover."""

from dynanoise_export.deployed.deployed_model import DeployedModel, Graph
from dynanoise_export.probabilities import distributed
from dynanoise_export.types import Array
from dynanoise_export.validation.case import Case
from dynanoise_export.validation.check import Check, CheckCode, judge, not_applicable, warn

NO_NOISE = "the defence takes no noise"


def no_leak(case: Case, graph: Graph) -> Check:
    """Check, by the taint walk, that the defence covers every output and that there is one only."""
    model, defence = case.model, case.defence
    leaking = list(graph.leaks.leaking)
    if not defence.takes_noise and model.provenance is None and model.answers in leaking:
        # The walk does not know that this output needs no noise; the check of answer parity judges its answers.
        leaking.remove(model.answers)
    others = [name for name in model.others if name not in leaking]
    labels = [name for name in graph.leaks.labelled if not defence.keep_label]
    bad = leaking + others + labels
    if not bad:
        kept = "; it keeps the undefended label, as stated" if graph.leaks.labelled else ""
        return judge(CheckCode.NO_LEAK, 0, 0, f"{model.answers} is the only output, and the defence covers it{kept}.")
    found = [f"{name} is not covered by the defence" for name in leaking]
    found += [f"{name} is an output in addition to the answers" for name in others]
    found += [f"{name} depends on the undefended label, which the file does not state" for name in labels]
    return judge(CheckCode.NO_LEAK, len(bad), 0, "; ".join(found) + ".")


def unseen_graph(model: DeployedModel) -> Check:
    """Warn about what can't be judged if the graph can't be seen."""
    detail = (
        f"The graph of {model.name} can't be seen, so it was not searched for leaks, seeds and dead draws: "
        "validate the ONNX file that it was made from as well."
    )
    return warn(CheckCode.GRAPH_SEEN, detail)


def single_output(model: DeployedModel) -> Check:
    """Check that a model with an unseen graph has no output in addition to its answers."""
    outputs = " and ".join([model.answers, *model.others])
    return judge(CheckCode.NO_LEAK, len(model.others), 0, f"The model's outputs: {outputs}.")


def no_seed(case: Case, graph: Graph) -> Check:
    """Check that no draw repeats itself in every session."""
    code = CheckCode.NO_SEED
    if not case.defence.takes_noise:
        return not_applicable(code, NO_NOISE)
    seeded = [draw.name for draw in graph.leaks.draws if draw.seeded]
    detail = f"Seeded: {', '.join(seeded)}." if seeded else "No random operator has a seed."
    return judge(code, len(seeded), 0, detail)


def live_draws(case: Case, graph: Graph) -> Check:
    """Check that the draws depend on values that change with the query, so that no optimiser folds them."""
    code, draws, noise_input = CheckCode.LIVE_DRAWS, graph.leaks.draws, case.model.noise_input
    if not case.defence.takes_noise:
        return not_applicable(code, NO_NOISE)
    if noise_input is not None and not draws:
        return judge(code, 0, 0, f"The noise comes in through {noise_input.name}; the graph draws none.")
    if not draws:
        return judge(code, 1, 0, "The graph has no random operator.")
    dead = [f"{draw.operator} {draw.name}" for draw in draws if not draw.live]
    if dead:
        return judge(code, len(dead), 0, f"An optimiser may fold: {', '.join(dead)}.")
    return judge(code, 0, 0, f"The draws depend on the live query: {', '.join(draw.name for draw in draws)}.")


def no_overridable_weight(graph: Graph) -> Check:
    """Check that no weight is an input too, because a caller could replace it."""
    names = graph.leaks.overridable
    detail = f"A caller may replace {', '.join(names)}." if names else "No caller can replace a weight."
    return judge(CheckCode.NO_OVERRIDABLE_WEIGHT, len(names), 0, detail)


def distributions(answers: Array) -> Check:
    """Check that each answer [..., k] is a distribution over the classes, without NaN."""
    bad = ~distributed(answers)
    detail = f"{int(bad.sum()):,} of {bad.size:,} answers are not distributions over the classes."
    return judge(CheckCode.ANSWERS_ARE_PROBABILITIES, int(bad.sum()), 0, detail)
