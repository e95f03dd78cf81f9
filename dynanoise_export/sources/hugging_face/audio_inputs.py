"""The inputs of an audio classifier: what its feature extractor makes."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from dynanoise_export.errors import ModelInputError, first_line
from dynanoise_export.sources.hugging_face.pretrained_model import takes
from dynanoise_export.sources.torch_export import quiet
from dynanoise_export.types import TensorSpec

# Samples of a second, where nothing states it.
RATE = 16_000


def audio_specs(path: Path, model: torch.nn.Module) -> tuple[TensorSpec, ...]:
    """List the inputs of an audio classifier.

    Args:
        path: of the folder.
        model: its model.

    Raises:
        ModelInputError: the folder has no feature extractor.
    """
    import transformers

    try:
        with quiet():
            extractor: Any = transformers.AutoFeatureExtractor.from_pretrained(
                path, local_files_only=True, trust_remote_code=False
            )
            rate = getattr(extractor, "sampling_rate", RATE)
            one, two = (
                extractor(np.zeros(seconds * rate, np.float32), sampling_rate=rate, return_tensors="np")
                for seconds in (1, 2)
            )
    except Exception as error:  # transformers raises whatever a file of the folder makes it raise
        raise ModelInputError(
            f"{path} has no feature extractor that transformers can open ({first_line(error)}): save it beside the "
            "model, or give the inputs with --input."
        ) from error
    name = extractor.model_input_names[0]
    shapes = [np.asarray(features[name]).shape[1:] for features in (one, two)]
    # A spectrogram may be padded to the length that the model was trained with.
    length = shapes[0][0] if shapes[0] == shapes[1] else "samples" if len(shapes[0]) == 1 else "frames"
    sound = TensorSpec(name, "float32", ("batch", length, *shapes[0][1:]))
    if "attention_mask" in one and takes(model, "attention_mask"):
        return sound, TensorSpec("attention_mask", "int64", ("batch", length))
    return (sound,)
