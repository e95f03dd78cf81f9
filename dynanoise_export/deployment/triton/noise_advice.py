"""What Triton does to a model's noise, by the table of noise strength: what is refused, and advice for the README."""

from dynanoise_export.deployment.triton.triton_backend import TritonBackend
from dynanoise_export.errors import NoiseError
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.noise.strength import Life, Strength, Where, judgement

NO_NOISE = "The defence takes no noise."
BATCHING = "Dynamic batching does not change the noise: each row has its own."
CACHE_OFF = "The response cache is off for this model, because it would answer a repeated query with the same noise."
CACHE_SAFE = (
    "so several instances and a response cache do not weaken it. The cache is off for this model; "
    "`response_cache { enable: true }` in config.pbtxt switches it on."
)
NO_GRAPHS = (
    "Leave CUDA graphs off (`optimization.cuda.graphs`, `enable_cuda_graph`): a captured graph would replay one draw "
    "of the noise."
)
SECRET = "Anyone who can read this repository can remove the noise: protect it like the key."  # noqa: S105


def instances_may_repeat(noise: NoiseSource | None, backend: TritonBackend) -> bool:
    """Whether several instances may draw the same noise; where it is not known, they may."""
    return noise is not None and judgement(noise, backend.where).instances_repeat is not False


def require_safe_noise(name: str, noise: NoiseSource | None, backend: TritonBackend, instances: int) -> None:
    """Check that clients can't choose the noise, and that instances do not repeat it.

    Args:
        name: of the model, for messages.
        noise: its noise source; None for a defence that takes no noise.
        backend: what runs the model.
        instances: how many copies of it run.

    Raises:
        NoiseError: the clients can choose it, or instances may repeat it.
    """
    if noise is None:
        return
    judged = judgement(noise, backend.where)
    if judged.strength is Strength.AS_FED and backend is not TritonBackend.PYTHON:
        raise NoiseError(
            f"The noise of {name} is an input, and with the backend {backend} each client would choose its own: "
            "serve the ONNX file with --backend python, which draws the noise on the server."
        )
    if instances > 1 and instances_may_repeat(noise, backend):
        python = ", --backend python" if backend is TritonBackend.ONNXRUNTIME else ""
        raise NoiseError(
            f"{name} can't have {instances} instances in the backend {backend}, because {judged.why}; "
            f"choose --instances 1{python}, or a file with --noise keyed."
        )


def advice(noise: NoiseSource | None, backend: TritonBackend) -> tuple[str, ...]:
    """Give sentences on what instances, a response cache and dynamic batching do to the noise."""
    if noise is None:
        return (NO_NOISE,)
    why = judgement(noise, backend.where).why
    reason = f"{why[0].upper()}{why[1:]}"
    if judgement(noise, Where.TRITON_CACHE).strength is Strength.STRONG:
        return (f"{reason}, {CACHE_SAFE}", SECRET, BATCHING)
    dead_in_graphs = judgement(noise, Where.ONNXRUNTIME_CUDA_GRAPH).life is Life.DEAD
    graphs = (NO_GRAPHS,) if dead_in_graphs and backend is not TritonBackend.PYTHON else ()
    return (f"{reason}.", CACHE_OFF, BATCHING, *graphs)
