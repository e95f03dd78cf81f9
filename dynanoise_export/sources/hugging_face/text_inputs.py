"""The inputs of a text classifier: what its tokenizer makes and its model takes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from dynanoise_export.errors import FormatError, ModelInputError
from dynanoise_export.sources.hugging_face.folder_config import read_json, setting, settings
from dynanoise_export.sources.hugging_face.pretrained_model import takes
from dynanoise_export.types import TensorSpec

TOKENS, IMAGES = ("batch", "sequence"), "pixel_values"

# What some tokenizers make beside tokens, masks and token types, whether or not their settings list it. Without it
# these models answer as if every word stood in the same place, in the same tag, or sounded the same.
ALWAYS_MADE = ("bbox", "xpath_tags_seq", "xpath_subs_seq", "input_shape_ids", "input_pronunciation_ids")

# These list no token types since version 5 of transformers, but made them before; models of pairs of sentences that
# were trained then need them.
MADE_TOKEN_TYPES = {"AlbertTokenizer", "RemBertTokenizer"}


def text_specs(path: Path, model: torch.nn.Module) -> tuple[TensorSpec, ...]:
    """List the inputs of a text classifier.

    Args:
        path: of the folder.
        model: its model.

    Raises:
        UserError: the settings of its tokenizer are damaged, or the model also takes images.
    """
    config: Any = model.config
    tokenizer = read_json(path / "tokenizer_config.json", missing_ok=True)
    names = tokenizer.get("model_input_names")
    if names is None:
        names = ["input_ids", *(["token_type_ids"] if _makes_token_types(tokenizer, config) else []), "attention_mask"]
    if not isinstance(names, list):
        raise FormatError(f"model_input_names in {path / 'tokenizer_config.json'} is not a list of names.")
    known = [name for name in dict.fromkeys([*names, *ALWAYS_MADE]) if takes(model, name) and name != IMAGES]
    if _token_types(config) in (0, 1):  # a single type says nothing, and any other number would be out of range
        known = [name for name in known if name != "token_type_ids"]
    specs = [TensorSpec(name, "int64", (*TOKENS, *_per_token(name, config))) for name in known]
    if _takes_images(path, model):
        side = config.input_size
        specs.append(TensorSpec(IMAGES, "float32", ("batch", config.num_channels, side, side)))
    return tuple(specs)


def _token_types(config: Any) -> int | None:
    """Count the token types of a model; None if it does not state them."""
    many = setting(config, "type_vocab_sizes")  # of TAPAS: one for each column of the token types
    count = max(many) if many else setting(config, "type_vocab_size")
    return None if count is None else int(count)


def _makes_token_types(tokenizer: Mapping[str, Any], config: Any) -> bool:
    """Whether the tokenizer makes token types, as far as the folder and transformers tell.

    RoBERTa's never does, whatever the model's embeddings allow.
    """
    from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES

    if (_token_types(config) or 0) < 2:
        return False
    named = (tokenizer.get("tokenizer_class"), TOKENIZER_MAPPING_NAMES.get(config.model_type))
    names = [str(name).removesuffix("Fast") for name in named]
    if MADE_TOKEN_TYPES & set(names):
        return True
    listed = next((inputs for name in names if (inputs := _inputs_of_tokenizer(name))), ("token_type_ids",))
    return "token_type_ids" in listed


def _inputs_of_tokenizer(name: str) -> tuple[str, ...]:
    """List what a tokenizer of transformers makes; nothing if it is not known or only inherits a list."""
    import transformers

    general = transformers.PreTrainedTokenizerBase
    kinds = getattr(getattr(transformers, name, None), "__mro__", ())
    own = (vars(kind).get("model_input_names") for kind in kinds if kind is not general)
    return next((tuple(names) for names in own if names), ())


def _per_token(name: str, config: Any) -> tuple[int, ...]:
    """Give the axes of an input beyond those of the batch and the sequence."""
    match name:
        case "bbox":  # left, upper, right and lower edge
            return (4,)
        case "xpath_tags_seq" | "xpath_subs_seq":
            return (int(config.max_depth),)
        case "token_type_ids" if many := setting(config, "type_vocab_sizes"):
            return (len(many),)
    return ()


def _takes_images(path: Path, model: torch.nn.Module) -> bool:
    """Whether a text model always takes the image of its document too, as LayoutLMv3 does.

    Raises:
        ModelInputError: its processor can make images, or texts alone: only the user knows.
    """
    if not takes(model, IMAGES):
        return False
    config: Any = model.config
    if hasattr(config, "visual_embed"):
        return bool(config.visual_embed)
    if (path / "preprocessor_config.json").exists() or (path / "processor_config.json").exists():
        raise ModelInputError(
            f"{path} takes texts with or without images: give the inputs that your queries have, as in --input "
            "input_ids:batch,sequence:int64 --input attention_mask:batch,sequence:int64 for texts alone."
        )
    return False


def require_any_length(path: Path, model: torch.nn.Module, specs: Sequence[TensorSpec]) -> None:
    """Refuse inputs of any length for a model that treats long rows in another way than short ones.

    A model converted from short rows would treat long ones as if they were short, and only far longer rows than those
    of a trial would show it.

    Raises:
        ModelInputError: names the inputs to give.
    """
    config: Any = model.config
    if not any(spec.name in ("input_ids", "inputs") and isinstance(spec.shape[-1], str) for spec in specs):
        return
    if setting(config, "attention_type") == "block_sparse" and config.max_position_embeddings > _whole_rows(config):
        what = "attends to blocks of long rows and to the whole of short ones"
    elif any("'dynamic'" in str(rope) for rope in settings(config, "rope_parameters")):
        what = "scales the positions of rows by the longest of them"
    else:
        return
    raise fixed_length(path, specs, what)


def _whole_rows(config: Any) -> int:
    """Give the longest row that BigBird attends to as a whole, as transformers computes it."""
    return int((5 + 2 * config.num_random_blocks) * config.block_size)


def fixed_length(path: Path, specs: Sequence[TensorSpec], what: str, length: int = 128) -> ModelInputError:
    """Make the error that rows need a fixed length, because of what the model does with them."""
    fixed = [replace(s, shape=(s.shape[0], *(length if isinstance(a, str) else a for a in s.shape[1:]))) for s in specs]
    shapes = " ".join(f"--input {spec}" for spec in fixed)
    return ModelInputError(f"{path} {what}, so it can't be exported for any length: give that of your rows, {shapes}.")
