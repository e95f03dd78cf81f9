"""Where a model trains, and in which precision."""

import torch

# Only with these instructions is a CPU faster in 16 bits than in 32.
INSTRUCTIONS = ("avx512_bf16", "amx_bf16")


def best_device(index: int = 0) -> torch.device:
    """Choose a GPU, or the CPU if there is no GPU.

    Args:
        index: of the job; jobs take several GPUs in turn.
    """
    return torch.device("cuda", index % torch.cuda.device_count()) if torch.cuda.is_available() else torch.device("cpu")


def half_precision(device: torch.device) -> torch.dtype | None:
    """Choose the 16-bit type in which the device computes faster; None if there is no such type."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    capabilities = torch.cpu.get_capabilities()
    return torch.bfloat16 if any(capabilities.get(name) for name in INSTRUCTIONS) else None
