"""Made-up rows that a Hugging Face model takes: tokens of its vocabulary, padding, boxes, images, sound.

All rows differ, so that a trial run on them says something.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dynanoise_export.errors import ModelInputError
from dynanoise_export.sources.hugging_face.folder_config import setting, settings
from dynanoise_export.sources.inputs import BATCH, LENGTH, MOST_VALUES
from dynanoise_export.types import Array, Bools, Int64s, TensorSpec

# The length of a row of sound, in samples and in frames of a spectrogram.
SAMPLES, FRAMES = 16_000, 50
# The settings that limit the length of a text, and the longest text that a trial takes.
LIMITS = ("max_position_embeddings", "n_positions", "n_ctx")
LONGEST = 768
# A vocabulary whose size is not stated is that of characters: CANINE's.
CHARACTERS = 128
# The settings that bound the values of an integer input.
BOUNDS = {
    "token_type_ids": "type_vocab_size",
    "xpath_tags_seq": "max_xpath_tag_unit_embeddings",
    "xpath_subs_seq": "max_xpath_subs_unit_embeddings",
    "input_shape_ids": "shape_vocab_size",
    "input_pronunciation_ids": "pronunciation_vocab_size",
}


@dataclass(frozen=True)
class RowMaker:
    """Makes up rows for a model.

    Attributes:
        config: of the model.
        specs: of its inputs.
    """

    config: Any
    specs: Sequence[TensorSpec]

    def other_sizes(self) -> list[tuple[int, int]]:
        """List numbers and lengths of rows for trials: shorter, longer and far longer rows, one row and several."""
        usual = self._length()
        longest = self._limit() if usual <= LENGTH else 3 * usual // 2
        return [(2, usual * 7 // 12), (3, min(usual * 7 // 4, longest)), (1, longest)]

    def _length(self) -> int:
        """Give the usual length of a row along its dynamic axis."""
        free = [spec for spec in self.specs if any(isinstance(axis, str) for axis in spec.shape[1:])]
        sounds = [spec for spec in free if np.dtype(spec.dtype).kind == "f"]
        if sounds:
            return SAMPLES if len(sounds[0].shape) == 2 else FRAMES
        return min(LENGTH, self._limit())

    def _limit(self) -> int:
        stated = [limit for name in LIMITS for limit in settings(self.config, name) if isinstance(limit, int)]
        # Some positions may be kept free: RoBERTa's first two.
        return min([LONGEST, *(max(limit - 2, 1) for limit in stated if limit > 0)])

    def rows(self, count: int = BATCH, length: int | None = None, seed: int = 0) -> dict[str, Array]:
        """Make up rows.

        Args:
            count: of the rows, if the batch is dynamic.
            length: of every other dynamic axis; None for a usual one.
            seed: of what is drawn.

        Returns:
            An array for each input. If the inputs have a mask, rows are padded on the right, but for the first.

        Raises:
            ModelInputError: the stated sizes are too large for rows to be made up, or 0.
        """
        generator = np.random.default_rng(seed)
        length = length or self._length()
        arrays: dict[str, Array] = {}
        masked = next((spec for spec in self.specs if spec.name == "attention_mask" and len(spec.shape) == 2), None)
        filled = None if masked is None else _filled(generator, _shape(masked, count, length))
        for spec in self.specs:
            shape = _shape(spec, count, length)
            if math.prod(shape) > MOST_VALUES or min(shape, default=1) < 1:
                raise ModelInputError(f"The input {spec} is too large, or has no values: give it with --input.")
            fits = filled if filled is not None and filled.shape == shape[:2] else np.ones(shape[:2], np.bool_)
            arrays[spec.name] = self._values(generator, spec, shape, fits).astype(spec.dtype)
        return arrays

    def _values(self, generator: np.random.Generator, spec: TensorSpec, shape: Sequence[int], filled: Bools) -> Array:
        match spec.name:
            case "input_ids" | "inputs" if spec.dtype.startswith("int"):
                return self._tokens(generator, filled)
            case "attention_mask":
                return filled
            case "bbox":
                return _boxes(generator, shape, (setting(self.config, "max_2d_position_embeddings") or 1024) - 1)
            case "position_ids":
                return np.broadcast_to(np.arange(shape[-1]), shape)
            case name if np.dtype(spec.dtype).kind == "f":
                return generator.standard_normal(shape)
            case name:
                return generator.integers(0, self._bounds(name), shape)

    def _bounds(self, name: str) -> Any:
        if name == "token_type_ids" and (many := setting(self.config, "type_vocab_sizes")):
            return np.minimum(many, 2)
        bound = setting(self.config, BOUNDS[name]) if name in BOUNDS else 2
        return min(bound or 2, 2) if name == "token_type_ids" else bound

    def _tokens(self, generator: np.random.Generator, filled: Bools) -> Int64s:
        """Draw tokens that mean nothing special, and end each row with the end of a text if the model looks for it."""
        special = _special_tokens(self.config)
        vocabulary = setting(self.config, "vocab_size") or CHARACTERS
        usual = np.setdiff1d(np.arange(vocabulary), list(special))
        tokens = generator.choice(usual if len(usual) else np.arange(vocabulary), filled.shape)
        end = setting(self.config, "eos_token_id")
        if setting(self.config, "is_encoder_decoder") and isinstance(end, int):
            tokens[np.arange(len(tokens)), filled.sum(axis=1) - 1] = end
        padding = setting(self.config, "pad_token_id")
        return np.where(filled, tokens, padding if isinstance(padding, int) and padding >= 0 else 0)


def _shape(spec: TensorSpec, count: int, length: int) -> tuple[int, ...]:
    return tuple(
        size if isinstance(size, int) else count if axis == 0 else length for axis, size in enumerate(spec.shape)
    )


def _filled(generator: np.random.Generator, shape: Sequence[int]) -> Bools:
    """Draw how long each row is, from half of the length on."""
    rows, length = shape
    lengths = generator.integers((length + 1) // 2, length + 1, rows)
    lengths[0] = length
    filled: Bools = np.arange(length) < lengths[:, None]
    return filled


def _boxes(generator: np.random.Generator, shape: Sequence[int], most: int) -> Int64s:
    """Draw boxes [..., 4] on a page of 1,000 by 1,000: the left and the upper edge, then the right and the lower."""
    corners = np.sort(generator.integers(0, min(most, 1000) + 1, (*shape[:-1], 2, 2)), axis=-2)
    return corners.reshape(shape)


def _special_tokens(config: Any) -> set[int]:
    """Collect the tokens that the configuration gives a meaning: padding, the ends of texts, places of images."""
    names = [name for name in _names(config) if name.endswith(("_token_id", "_token_index"))]
    found: set[int] = set()
    for name in names:
        for value in settings(config, name):
            found.update(value if isinstance(value, list | tuple) else [value])
    return {token for token in found if isinstance(token, int)}


def _names(config: Any) -> set[str]:
    from transformers import PreTrainedConfig

    inner: Mapping[str, Any] = vars(config)
    return set(inner).union(*(_names(value) for value in inner.values() if isinstance(value, PreTrainedConfig)))
