"""Which noise may go into a plan."""

from dynanoise_export.deployed.deployed_model import Graph
from dynanoise_export.errors import NoiseError
from dynanoise_export.graph.draws import DrawKind
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.noise.strength import Life, judgement
from dynanoise_export.runtimes.tensorrt.backend import TensorRTBackend

ALTERNATIVES = (
    "export with --noise keyed, or with --noise input for a server that draws the noise, or add --allow-dead-noise"
)

_STATES = {Life.ALIVE: "alive", Life.DEAD: "dead", Life.UNKNOWN: "not known to be alive"}


def draws(graph: Graph) -> bool:
    """Whether a random operator draws the noise, according to the graph and not to what the file states."""
    return any(draw.kind is DrawKind.RANDOM for draw in graph.leaks.draws)


def noise_warning(graph: Graph, backend: TensorRTBackend, *, allow_dead: bool) -> str | None:
    """Give one sentence on what is known against the noise in a backend; None if nothing is.

    Raises:
        NoiseError: the noise is dead there, and that is not allowed.
    """
    if not draws(graph):
        return None
    judged = judgement(NoiseSource.RANDOM, backend.where)
    state = _STATES[judged.life]
    known = f"The noise of {graph.path} is random, which is {state} in {backend.product}: {judged.why}"
    if judged.life is Life.DEAD and not allow_dead:
        raise NoiseError(f"{known}; {ALTERNATIVES}.")
    return f"{known} (docs/noise.md)."


def require_no_constant_seed(graph: Graph, seeds: tuple[int, ...] | None, *, allow_dead: bool) -> None:
    """Check that no generator in a plan's text starts from a constant.

    Raises:
        NoiseError: one does, and dead noise is not allowed.
    """
    if seeds and not allow_dead:
        raise NoiseError(
            f"The plan of {graph.path} would start its noise from the constant {seeds[0]} at every run: {ALTERNATIVES}."
        )
