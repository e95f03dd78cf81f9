"""TF32 in ONNX Runtime's TensorRT provider, which has no option for it: NVIDIA's environment variable decides."""

import os

from dynanoise_export.errors import EndpointError
from dynanoise_export.runtimes.provider import Execution

# NVIDIA's libraries read it when they are first used in a process: 0 switches TF32 off, whatever a program asks for.
VARIABLE = "NVIDIA_TF32_OVERRIDE"
OFF = "0"


def apply_to_tensorrt(execution: Execution) -> None:
    """Switch TF32 off in this process unless it is asked for.

    Raises:
        EndpointError: the variable says otherwise. It can't be changed once a library has read it.
    """
    said = os.environ.get(VARIABLE)
    if execution.tf32:
        if said == OFF:
            raise EndpointError(
                f"{VARIABLE} is 0 in this process, which switches TF32 off: unset it, or do not ask for TF32."
            )
        return
    if said not in (None, OFF):
        raise EndpointError(f"{VARIABLE} is {said!r}, which switches TF32 on: unset it, or ask for TF32.")
    os.environ[VARIABLE] = OFF
