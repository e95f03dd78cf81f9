"""Is there nothing but the defence, as this tool attaches it, between the logits and the answers of a file."""

from dynanoise_export.deployed.deployed_model import Graph
from dynanoise_export.graph.defence_form import StatedDefence, UnknownFormError, compare_defence
from dynanoise_export.graph.log_probabilities import default_floor
from dynanoise_export.noise.input_noise import InputNoise
from dynanoise_export.noise.keyed.keyed_noise import KeyedNoise
from dynanoise_export.noise.noise import Noise
from dynanoise_export.noise.random_noise import RandomNoise
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.validation.case import Case
from dynanoise_export.validation.check import Check, CheckCode, failed, not_applicable, not_run, passed, warn

CODE = CheckCode.NOTHING_BUT_THE_DEFENCE
UNSEEN = "what they carry in their last digits can't be judged"


def nothing_but_the_defence(case: Case, graph: Graph, keyed: KeyedNoise | None) -> Check:
    """Compare the graph between the logits and the answers with the defence as `export` attaches it.

    Args:
        case: of the model.
        graph: its graph.
        keyed: its keyed noise, whose tables are compared too; None for other noise.
    """
    model = case.model
    ours = model.provenance is not None or graph.node_defence is not None
    noise = _noise(case, keyed)
    if case.defence.takes_noise and noise is None:
        return not_run(CODE, "the source of the model's noise is not known")
    stated = StatedDefence(
        defence=case.defence,
        noise=noise,
        noise_input=None if model.noise_input is None else model.noise_input.name,
        classes=case.classes,
        floors=(None, default_floor(case.classes)) if model.provenance is None else (model.provenance.floor,),
    )
    try:
        difference = compare_defence(graph.model, model.answers, stated).difference
    except UnknownFormError as unknown:
        reason = str(unknown)
        return not_run(CODE, reason) if ours else warn(CODE, f"The answers are judged by their values: {reason}.")
    if difference is None:
        return passed(CODE, f"From the logits to {model.answers} there is the defence as it is attached, and no more.")
    if ours:
        return failed(CODE, f"The file is not as its defence was attached: {difference}.")
    return warn(CODE, f"Another tool wrote the defence ({difference}), so the answers are judged, and {UNSEEN}.")


def unseen_form() -> Check:
    """Report that a plan and a server have no graph to compare."""
    return not_applicable(CODE, f"the graph can't be seen, so the answers are judged, and {UNSEEN}")


def _noise(case: Case, keyed: KeyedNoise | None) -> Noise | None:
    if not case.defence.takes_noise:
        return None
    made: dict[NoiseSource | None, Noise | None] = {
        NoiseSource.RANDOM: RandomNoise(),
        NoiseSource.INPUT: InputNoise(),
        NoiseSource.KEYED: keyed,
    }
    return made.get(case.model.noise)
