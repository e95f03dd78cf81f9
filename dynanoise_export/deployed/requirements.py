"""What a deployed model must fulfil before it is compiled or put on a server."""

from dynanoise_export.defences.base import Defence
from dynanoise_export.deployed.deployed_model import DeployedModel
from dynanoise_export.errors import DefenceError
from dynanoise_export.graph.provenance import Provenance
from dynanoise_export.noise.source import NoiseSource


def require_defended(model: DeployedModel) -> tuple[Defence, Provenance]:
    """Check that a model gives defended answers and nothing else, and states its defence.

    Returns:
        The defence and the provenance that it states.

    Raises:
        DefenceError: it does not.
    """
    defence, provenance, name = model.defence, model.provenance, model.name
    if defence is None or provenance is None:
        raise DefenceError(f"{name} does not state a defence: give a file that export made.")
    fed, keyed = provenance.noise is NoiseSource.INPUT, provenance.noise is NoiseSource.KEYED
    if fed != (model.noise_input is not None) or keyed != (model.noise is NoiseSource.KEYED):
        stated = provenance.noise or "no noise"
        raise DefenceError(f"{name} states {stated} as its noise, and its graph differs: export it again.")
    if model.graph is None:
        return defence, provenance
    if not model.graph.leaks.passed:
        raise DefenceError(
            f"{name} answers with more than defended probabilities: dynanoise-export inspect {name} shows what leaks."
        )
    if any(draw.seeded or not draw.live for draw in model.graph.leaks.draws):
        raise DefenceError(f"The noise of {name} is dead, because of a seed or an optimiser: export it again.")
    return defence, provenance
