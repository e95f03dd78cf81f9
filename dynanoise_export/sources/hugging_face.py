"""A Hugging Face folder: `config.json` with safetensors, opened through transformers."""

import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dynanoise_export.errors import (
    FormatError,
    ModelInputError,
    UnsupportedModelError,
    UntrustedCodeError,
    first_line,
)
from dynanoise_export.files import sha256
from dynanoise_export.sources.inputs import draw
from dynanoise_export.sources.source_model import SourceModel, SourceOptions
from dynanoise_export.sources.torch_module import source_from_module
from dynanoise_export.types import TensorSpec

AUDIO_RATE = 16_000
# The task is not in the name of every architecture: Wav2Vec2ForSequenceClassification takes sound.
TASKS = ("SEQUENCE", "IMAGE", "AUDIO")


def open_hugging_face(path: Path, options: SourceOptions) -> SourceModel:
    """Open a folder with a sequence, image or audio classifier; no code from the folder is run.

    Raises:
        UserError: the folder is incomplete, needs its own code, or does not hold a single-label classifier.
    """
    config = _read_json(path / "config.json")
    task = _require_classifier(path, config)
    model = _load(path, config["architectures"][0])
    specs = options.inputs or _SPECS[task](path, model)
    files = [path / "config.json", *path.glob("*.safetensors")]
    example = draw(specs, sizes={"samples": AUDIO_RATE})  # one second of sound
    source = source_from_module(path, "a Hugging Face folder", sha256(*files), model, specs, options, example)
    return replace(source, labels=_labels(config, source.classes))


def _labels(config: Mapping[str, Any], classes: int) -> tuple[str, ...]:
    """Read the names of the classes; none if the folder has none, or those that transformers makes up."""
    named = config.get("id2label")
    if not isinstance(named, Mapping) or set(named) != {str(i) for i in range(classes)}:
        return ()
    labels = tuple(str(named[str(i)]) for i in range(classes))
    return () if labels == tuple(f"LABEL_{i}" for i in range(classes)) else labels


def _require_classifier(path: Path, config: Mapping[str, Any]) -> str:
    """Give the task of a single-label classifier, by what transformers knows about its architecture."""
    architecture = str((config.get("architectures") or ["model without architecture"])[0])
    if "auto_map" in config:
        raise UntrustedCodeError(f"{path} needs the code in its folder (auto_map), and code from a model is not run.")
    if architecture.endswith("ForTokenClassification"):
        raise UnsupportedModelError(
            f"{path} is a {architecture} with token-level logits, and a defence covers one answer per query."
        )
    task = next((task for task in TASKS if architecture in _architectures(task, str(config.get("model_type")))), None)
    if task is None:
        raise UnsupportedModelError(f"{path} is a {architecture}, not a sequence, image or audio classifier.")
    problem = config.get("problem_type")
    if problem == "multi_label_classification":
        raise UnsupportedModelError(
            f"{path} is a multi-label classifier (sigmoid), and a defence needs classes that exclude each other."
        )
    if problem == "regression":
        raise UnsupportedModelError(f"{path} is a regression, and a defence needs two or more classes.")
    return task


def _architectures(task: str, model_type: str) -> Sequence[str]:
    from transformers.models.auto import modeling_auto

    known = getattr(modeling_auto, f"MODEL_FOR_{task}_CLASSIFICATION_MAPPING_NAMES").get(model_type, ())
    return (known,) if isinstance(known, str) else tuple(known)


def _load(path: Path, architecture: str) -> torch.nn.Module:
    import transformers

    if not any(path.glob("*.safetensors")):
        raise FormatError(f"{path} has no .safetensors file: save the model again with save_pretrained.")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        model, loading = getattr(transformers, architecture).from_pretrained(
            path, local_files_only=True, use_safetensors=True,
            dtype=torch.float32, attn_implementation="eager", output_loading_info=True,
        )  # fmt: skip
    except Exception as error:  # transformers raises whatever a file of the folder makes it raise
        raise FormatError(f"transformers can't open {path}: {first_line(error)}") from error
    if loading["missing_keys"]:
        missing = sorted(loading["missing_keys"])
        raise UnsupportedModelError(
            f"{path} has no weights for {missing[0]!r} ({len(missing)} missing in all): train it as a classifier first."
        )
    if model.config.num_labels == 1:
        raise UnsupportedModelError(
            f"{path} has one class, like a regression, and a defence needs two or more classes."
        )
    model.config.use_cache = False
    classifier: torch.nn.Module = model
    return classifier


def _text(path: Path, model: Any) -> tuple[TensorSpec, ...]:
    names = _read_json(path / "tokenizer_config.json", missing_ok=True).get("model_input_names")
    if names is None:
        # The tokenizer of a model that was trained on pairs of sentences also gives token_type_ids.
        pairs = (getattr(model.config, "type_vocab_size", None) or 0) > 1
        names = ["input_ids", *(["token_type_ids"] if pairs else []), "attention_mask"]
    if not isinstance(names, list):
        raise FormatError(f"model_input_names in {path / 'tokenizer_config.json'} is not a list of names.")
    return tuple(TensorSpec(name, "int64", ("batch", "sequence")) for name in names if _takes(model, name))


def _image(path: Path, model: Any) -> tuple[TensorSpec, ...]:
    processor = _read_json(path / "preprocessor_config.json", missing_ok=True)
    cropped = processor.get("crop_size") if processor.get("do_center_crop") else None
    size = cropped or processor.get("size") or getattr(model.config, "image_size", None) or 224
    try:
        height, width = _sides(size)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise FormatError(f"{path / 'preprocessor_config.json'} has an unknown size of images: {size}.") from error
    channels = getattr(model.config, "num_channels", 3)
    return (TensorSpec("pixel_values", "float32", ("batch", channels, height, width)),)


def _audio(path: Path, model: Any) -> tuple[TensorSpec, ...]:
    import transformers

    try:
        extractor = transformers.AutoFeatureExtractor.from_pretrained(
            path, local_files_only=True, trust_remote_code=False
        )
        rate = getattr(extractor, "sampling_rate", AUDIO_RATE)
        features = extractor(np.zeros(rate, np.float32), sampling_rate=rate, return_tensors="np")
    except Exception as error:  # as above
        raise ModelInputError(
            f"{path} has no feature extractor that transformers can open ({first_line(error)}): save it beside the "
            "model, or give the inputs with --input."
        ) from error
    name = extractor.model_input_names[0]
    shape = np.asarray(features[name]).shape
    if len(shape) > 2:  # a spectrogram, padded to the length that the model was trained with
        return (TensorSpec(name, "float32", ("batch", *shape[1:])),)
    sound = TensorSpec(name, "float32", ("batch", "samples"))
    if getattr(extractor, "return_attention_mask", False) and _takes(model, "attention_mask"):
        return sound, TensorSpec("attention_mask", "int64", ("batch", "samples"))
    return (sound,)


def _takes(model: torch.nn.Module, name: str) -> bool:
    return name in inspect.signature(model.forward).parameters


_SPECS = {
    "SEQUENCE": _text,
    "IMAGE": _image,
    "AUDIO": _audio,
}


def _sides(size: Any) -> tuple[int, int]:
    if isinstance(size, Mapping):
        if "height" in size:
            return int(size["height"]), int(size["width"])
        size = size.get("shortest_edge", 224)
    if isinstance(size, list):
        return int(size[0]), int(size[1])
    return int(size), int(size)


def _read_json(path: Path, *, missing_ok: bool = False) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        if missing_ok:
            return {}
        raise FormatError(f"The folder {path.parent} has no {path.name}, so it is not a Hugging Face model.") from error
    except (OSError, ValueError) as error:
        raise FormatError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise FormatError(f"{path} is not a JSON object.")
    return content
