"""The size of a network that a file describes, which must not be far more than the file's weights can fill."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from torch.nn.modules import module as hooks

from dynanoise_export.errors import FormatError

# Four bits for a weight are the fewest that files use; what a network computes for itself comes on top.
WEIGHTS_PER_BYTE, OWN_NUMBERS = 2, 1 << 27
PARTS = 20_000


def require_filled(path: Path, make: Callable[[], object], stored: int) -> None:
    """Make a network without memory for its numbers, and refuse one that its weights can't fill.

    Args:
        path: of the file or folder, for the message.
        make: makes the network.
        stored: the size of its weights, in bytes.

    Raises:
        FormatError: the network is too large.
        Exception: whatever `make` raises.
    """
    with torch.device("meta"), _counted(path, WEIGHTS_PER_BYTE * stored + OWN_NUMBERS):
        make()


@contextmanager
def _counted(path: Path, most: int) -> Iterator[None]:
    """Within the block, count the numbers and the parts of new networks."""
    numbers, parts = 0, 0

    def too_large() -> FormatError:
        return FormatError(f"{path} describes a network far larger than its weights: get the model again.")

    def count_numbers(module: Any, name: str, tensor: torch.Tensor | None) -> None:
        nonlocal numbers
        numbers += 0 if tensor is None else tensor.numel()
        if numbers > most:
            raise too_large()

    def count_parts(module: Any, name: str, part: Any) -> None:
        nonlocal parts
        parts += 1
        if parts > PARTS:
            raise too_large()

    with ExitStack() as stack:
        for register, count in (
            (hooks.register_module_parameter_registration_hook, count_numbers),
            (hooks.register_module_buffer_registration_hook, count_numbers),
            (hooks.register_module_module_registration_hook, count_parts),
        ):
            stack.callback(register(count).remove)
        yield
