"""Where a model trains, and in which precision."""

import torch

# What a CPU must have for 16 bits to be faster than 32.
INSTRUCTIONS = ("avx512_bf16", "amx_bf16")


def best_device(index: int = 0) -> torch.device:
    """Take a GPU, in turn where there are several, or else the CPU."""
    return torch.device("cuda", index % torch.cuda.device_count()) if torch.cuda.is_available() else torch.device("cpu")


def half_precision(device: torch.device) -> torch.dtype | None:
    """Tell in which 16-bit type the device computes faster, if in any."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    capabilities = torch.cpu.get_capabilities()
    return torch.bfloat16 if any(capabilities.get(name) for name in INSTRUCTIONS) else None
