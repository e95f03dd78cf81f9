"""The types of tensors, by Triton's names."""

import numpy as np
from tritonclient.utils import np_to_triton_dtype

from dynanoise_export.errors import UserError
from dynanoise_export.sources.inputs import TensorSpec


def datatype(spec: TensorSpec) -> str:
    """Give Triton's name of an input's type, as FP32.

    Raises:
        UserError: it has none.
    """
    name = np_to_triton_dtype(np.dtype(spec.dtype).type)
    if name is None:
        raise UserError(f"Triton has no type for the input {spec}.")
    return str(name)
