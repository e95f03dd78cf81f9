"""Add the noise of a model that takes it as an input."""

from dynanoise_export.errors import ModelInputError
from dynanoise_export.noise.system_normals import draw_normals
from dynanoise_export.types import Arrays, TensorSpec, row_count


def with_noise(name: str, rows: Arrays, noise_input: TensorSpec | None) -> Arrays:
    """Add standard normals from the operating system's generator, if the model takes its noise as an input.

    Args:
        name: of the model, for messages.
        rows: the inputs that a client sends.
        noise_input: the input that takes the noise, or None.

    Raises:
        ModelInputError: the model does not declare the width of its noise input.
    """
    if noise_input is None:
        return rows
    classes = noise_input.shape[-1]
    if not isinstance(classes, int):
        raise ModelInputError(f"{name} does not declare how many numbers its input {noise_input.name!r} takes per row.")
    return {**rows, noise_input.name: draw_normals((row_count(rows), classes))}
