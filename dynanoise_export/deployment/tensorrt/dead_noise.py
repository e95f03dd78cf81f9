"""Which noise may go into a plan."""

from dynanoise_export.deployed.deployed_model import Graph
from dynanoise_export.errors import UserError
from dynanoise_export.graph.leaks import KEYED
from dynanoise_export.noise.strength import JUDGEMENTS, Life
from dynanoise_export.parameters import NoiseSource
from dynanoise_export.runtimes.tensorrt.backend import Backend

INSTEAD = "export with --noise keyed, or with --noise input for a server that draws it, or add --allow-dead-noise"


def draws(graph: Graph) -> bool:
    """Whether a random operator draws the noise, by the graph and not by the file's word."""
    return any(draw.operator != KEYED for draw in graph.leaks.draws)


def noise_warning(graph: Graph, backend: Backend, *, allow_dead: bool) -> str | None:
    """Tell in one line what is known against the noise in a backend, or None where nothing is.

    Raises:
        UserError: the noise is dead there, and that is not allowed.
    """
    if not draws(graph):
        return None
    judged = next(j for j in JUDGEMENTS if j.source is NoiseSource.RANDOM and j.place == backend.product)
    against = f"The noise of {graph.path} is random, and its life in {backend.product} is {judged.life}: {judged.why}"
    if judged.life is Life.DEAD and not allow_dead:
        raise UserError(f"{against}; {INSTEAD}.")
    return f"{against} (docs/noise.md)."


def require_no_constant_seed(graph: Graph, seeds: tuple[int, ...] | None, *, allow_dead: bool) -> None:
    """See that a plan's text starts no generator from a constant.

    Raises:
        UserError: it does, and dead noise is not allowed.
    """
    if seeds and not allow_dead:
        raise UserError(
            f"The plan of {graph.path} would start its noise from the constant {seeds[0]} at every run: {INSTEAD}."
        )
