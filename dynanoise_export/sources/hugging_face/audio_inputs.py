"""The inputs of an audio classifier: what its feature extractor makes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dynanoise_export.errors import ModelInputError, first_line
from dynanoise_export.sources.hugging_face.folder_config import read_sizes
from dynanoise_export.sources.hugging_face.pretrained_model import takes
from dynanoise_export.sources.torch_export import quiet
from dynanoise_export.types import TensorSpec

# Samples of a second, where nothing states it.
RATE = 16_000
# Beyond any extractor: samples of a second, samples of a chunk, another size, and the numbers of a table of filters.
LARGEST_RATE, LARGEST_CHUNK, LARGEST_SIZE, LARGEST_TABLE = 1 << 20, 1 << 27, 1 << 16, 1 << 24
WINDOWS, FILTERS = ("n_fft", "fft_length", "win_length", "frame_length"), ("feature_size", "num_mel_bins")


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
        _require_small(read_sizes(path / "preprocessor_config.json", missing_ok=True))
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


def _require_small(stated: Mapping[str, Any]) -> None:
    """Refuse settings of a feature extractor that take far more memory than any sound.

    Raises:
        ValueError: names the setting.
    """
    sizes = {name: value for name, value in stated.items() if isinstance(value, int)}
    rate = sizes.get("sampling_rate", RATE)
    table = [max(sizes.get(name, 1) for name in names) for names in (WINDOWS, FILTERS)]
    if (
        rate > LARGEST_RATE
        or rate * sizes.get("chunk_length", 1) > LARGEST_CHUNK
        or table[0] * table[1] > LARGEST_TABLE
    ):
        raise ValueError("its sampling_rate, chunk_length or feature_size is too large")
    for name, value in sizes.items():
        if value > LARGEST_SIZE and not name.endswith(("rate", "samples")):
            raise ValueError(f"its {name} is too large")
