"""What a backend of Triton does to each source of noise: what is refused, and what is told."""

from dynanoise_export.deployment.triton.triton_backend import Backend
from dynanoise_export.errors import UserError
from dynanoise_export.parameters import NoiseSource

RANDOM, INPUT, KEYED = NoiseSource.RANDOM, NoiseSource.INPUT, NoiseSource.KEYED

CACHE_OFF = "The response cache is off for this model: it would answer a repeated query with the same noise."
BATCHING = "Dynamic batching does nothing to the noise: each row has its own."
TOLD = {
    (RANDOM, Backend.ONNXRUNTIME): (
        "One instance, on the CPU: further ones are sessions of one process, which draw the same noise as the first.",
    ),
    (RANDOM, Backend.TENSORRT): (
        "One instance, on one GPU: what seeds the noise in TensorRT is not documented, nor whether instances share it.",
    ),
    (RANDOM, Backend.PYTHON): (
        "Each instance is a process of its own, whose generator starts from its own clock, so instances do not "
        "repeat each other; the generator has 31 bits of state, which a few exact noise values betray.",
    ),
    (INPUT, Backend.PYTHON): (
        "model.py draws the noise from the operating system's generator, fresh for each row and in each instance; it "
        "is no input of the served model, so no client can choose it.",
    ),
}
KEYED_TOLD = (
    "The noise repeats with the query, in every instance and on every server, so several instances and a response "
    "cache do nothing to it: the cache is off, and `response_cache { enable: true }` in config.pbtxt may switch it on.",
    "Who can read this repository can take the noise off: guard it like the key.",
)


def require_noise_kept(name: str, noise: NoiseSource, backend: Backend, instances: int) -> None:
    """Check that neither clients nor further instances can tell the noise.

    Args:
        name: of the file, for the message.
        noise: its source.
        backend: what is to run it.
        instances: how many.

    Raises:
        UserError: they can.
    """
    if noise is INPUT and backend is not Backend.PYTHON:
        raise UserError(
            f"The noise of {name} is an input, and with the backend {backend} every client would choose its own: "
            "serve the ONNX file with --backend python, which draws the noise on the server."
        )
    if noise is RANDOM and backend is not Backend.PYTHON and instances > 1:
        raise UserError(
            f"The noise of {name} is random, and instances of the backend {backend} may draw the same: "
            "take --instances 1, --backend python, or a file with --noise keyed."
        )


def told(noise: NoiseSource, backend: Backend) -> tuple[str, ...]:
    """Tell in sentences what instances, a response cache and dynamic batching do to the noise."""
    if noise is KEYED:
        return (*KEYED_TOLD, BATCHING)
    return (*TOLD[noise, backend], CACHE_OFF, BATCHING)
