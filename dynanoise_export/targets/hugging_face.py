"""A Hugging Face folder: `config.json` with safetensors, opened through transformers."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dynanoise_export.errors import UserError
from dynanoise_export.files import sha256
from dynanoise_export.targets.inputs import TensorSpec
from dynanoise_export.targets.target import OpenOptions, Target
from dynanoise_export.targets.torch_module import module_target

AUDIO_RATE = 16_000
TASKS = {
    "ForSequenceClassification": "AutoModelForSequenceClassification",
    "ForImageClassification": "AutoModelForImageClassification",
    "ForAudioClassification": "AutoModelForAudioClassification",
}


def open_hugging_face(path: Path, options: OpenOptions) -> Target:
    """Open a folder with a sequence, image or audio classifier; no code of the folder's is run.

    Raises:
        UserError: the folder is incomplete, needs its own code, or holds no single-label classifier.
    """
    config = _read_json(path / "config.json")
    task = _require_classifier(path, config)
    model = _load(path, task)
    specs = _SPECS[task](path, model)
    files = [path / "config.json", *path.glob("*.safetensors")]
    return module_target(path, "a Hugging Face folder", sha256(*files), model, specs, options)


def _require_classifier(path: Path, config: Mapping[str, Any]) -> str:
    architecture = (config.get("architectures") or ["nothing"])[0]
    if "auto_map" in config:
        raise UserError(f"{path} needs the code in its folder (auto_map), and code from a model is not run.")
    if architecture.endswith("ForTokenClassification"):
        raise UserError(f"{path} is a {architecture}: token-level logits, and DynaNoise defends one answer a query.")
    task = next((task for task in TASKS if architecture.endswith(task)), None)
    if task is None:
        raise UserError(f"{path} is a {architecture}: none of a sequence, image or audio classifier.")
    problem = config.get("problem_type")
    if problem == "multi_label_classification":
        raise UserError(
            f"{path} is a multi-label classifier (sigmoid), and DynaNoise needs classes that exclude each other."
        )
    if problem == "regression" or config.get("num_labels") == 1 or len(config.get("id2label") or "12") == 1:
        raise UserError(f"{path} is a regression or has one class, and DynaNoise needs two classes or more.")
    return task


def _load(path: Path, task: str) -> torch.nn.Module:
    import transformers

    if not any(path.glob("*.safetensors")):
        raise UserError(f"{path} has no .safetensors file: save the model again with save_pretrained.")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        model, seen = getattr(transformers, TASKS[task]).from_pretrained(
            path, local_files_only=True, trust_remote_code=False, use_safetensors=True,
            dtype=torch.float32, attn_implementation="eager", output_loading_info=True,
        )  # fmt: skip
    except Exception as error:  # transformers raises whatever a file of the folder makes it raise
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"{path} can't be opened by transformers: {reason}") from error
    if seen["missing_keys"]:
        raise UserError(
            f"{path} lacks the weights {sorted(seen['missing_keys'])[0]!r} and so on: it was never trained to classify."
        )
    model.config.use_cache = False
    classifier: torch.nn.Module = model
    return classifier


def _text(path: Path, model: Any) -> tuple[TensorSpec, ...]:
    stated = _read_json(path / "tokenizer_config.json", missing_ok=True).get("model_input_names")
    names = stated or ["input_ids", "attention_mask"]
    return tuple(TensorSpec(name, "int64", ("batch", "sequence")) for name in names)


def _image(path: Path, model: Any) -> tuple[TensorSpec, ...]:
    processor = _read_json(path / "preprocessor_config.json", missing_ok=True)
    cropped = processor.get("crop_size") if processor.get("do_center_crop") else None
    height, width = _sides(cropped or processor.get("size") or getattr(model.config, "image_size", None) or 224)
    channels = getattr(model.config, "num_channels", 3)
    return (TensorSpec("pixel_values", "float32", ("batch", channels, height, width)),)


def _audio(path: Path, model: Any) -> tuple[TensorSpec, ...]:
    import transformers

    extractor = transformers.AutoFeatureExtractor.from_pretrained(path, local_files_only=True)
    rate = getattr(extractor, "sampling_rate", AUDIO_RATE)
    silence = np.zeros(rate, dtype=np.float32)
    features = extractor(silence, sampling_rate=rate, return_tensors="np")
    specs = []
    for name in extractor.model_input_names[:1]:
        shape = np.asarray(features[name]).shape
        # Raw sound is as long as it is; features are padded to the length that the model was trained for.
        specs.append(TensorSpec(name, "float32", ("batch", *(("samples",) if len(shape) == 2 else shape[1:]))))
    return tuple(specs)


_SPECS = {
    "ForSequenceClassification": _text,
    "ForImageClassification": _image,
    "ForAudioClassification": _audio,
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
        raise UserError(f"{path.parent} is a folder without {path.name}, and so none of Hugging Face's.") from error
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} is not a JSON object.")
    return content
