"""The types of tensors, by Triton's names."""

import numpy as np
from tritonclient.utils import np_to_triton_dtype

from dynanoise_export.errors import ModelInputError
from dynanoise_export.types import TensorSpec


def datatype(spec: TensorSpec) -> str:
    """Give Triton's name of an input's type, such as FP32.

    Raises:
        ModelInputError: it has none.
    """
    name = np_to_triton_dtype(np.dtype(spec.dtype).type)
    if name is None:
        raise ModelInputError(f"Triton has no type for the input {spec}.")
    return str(name)
