"""Open a Hugging Face folder: `config.json` with weights for PyTorch or an ONNX model."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from dynanoise_export.errors import UnsupportedModelError, UserError
from dynanoise_export.files import sha256
from dynanoise_export.records import reading
from dynanoise_export.runtimes.pytorch import run_module
from dynanoise_export.sources.hugging_face.audio_inputs import audio_specs
from dynanoise_export.sources.hugging_face.example_rows import RowMaker
from dynanoise_export.sources.hugging_face.folder_config import (
    Task,
    architecture_of,
    labels_of,
    read_json,
    read_sizes,
    require_classifier,
    setting,
)
from dynanoise_export.sources.hugging_face.folder_contents import only_onnx, require_own_weights
from dynanoise_export.sources.hugging_face.image_inputs import image_specs
from dynanoise_export.sources.hugging_face.own_files import require_own_files
from dynanoise_export.sources.hugging_face.pretrained_model import load, weight_files
from dynanoise_export.sources.hugging_face.text_inputs import require_any_length, text_specs
from dynanoise_export.sources.hugging_face.tried_conversion import convert
from dynanoise_export.sources.onnx_file import open_onnx
from dynanoise_export.sources.source_model import SourceModel, SourceOptions
from dynanoise_export.sources.torch_module import source_from_module
from dynanoise_export.types import Arrays

FORMAT = "a Hugging Face folder"
SPECS = {Task.SEQUENCE: text_specs, Task.IMAGE: image_specs, Task.AUDIO: audio_specs}
# In place of a missing padding token: no token equals it, so each row counts whole.
NO_TOKEN = -1


def open_hugging_face(path: Path, options: SourceOptions) -> SourceModel:
    """Open a folder with a sequence, image or audio classifier; no code from the folder is run.

    Raises:
        UserError: the folder is incomplete, needs its own code, or does not hold a single-label classifier.
    """
    with reading(path, FORMAT):
        return _open(path, options)


def _open(path: Path, options: SourceOptions) -> SourceModel:
    require_own_weights(path)
    require_own_files(path)
    config = read_sizes(path / "config.json")
    task = require_classifier(path, config)
    converted = only_onnx(path)
    source = _open_weights(path, config, task, options) if converted is None else open_onnx(converted, options)
    return replace(source, labels=labels_of(config, source.classes) or source.labels)


def _open_weights(path: Path, config: Mapping[str, Any], task: Task, options: SourceOptions) -> SourceModel:
    model: Any = load(path, architecture_of(config))
    if model.config.num_labels == 1 and not options.scores.binary:
        raise UnsupportedModelError(
            f"{path} has one class, like a regression: if its score is that of the second of two classes, add --binary."
        )
    specs = options.inputs or SPECS[task](path, model)
    require_any_length(path, model, specs)
    maker = RowMaker(model.config, specs)
    example = maker.rows()
    _allow_several_rows(path, model, example)
    return source_from_module(
        path,
        FORMAT,
        sha256(path / "config.json", *weight_files(path)),
        model,
        specs,
        replace(options, inputs=()),  # they are in the specs
        example,
        partial(convert, maker),
    )


def _allow_several_rows(path: Path, model: Any, example: Arrays) -> None:
    """Let a model that has no padding token answer several rows at once; transformers lets it answer one at a time.

    Such a model looks at the last token of each row, so its answers are the same.

    Raises:
        UnsupportedModelError: its tokenizer pads rows, so that the last token may be padding.
    """
    if setting(model.config, "pad_token_id") is not None:
        return
    try:
        run_module(path, model, example)
    except UserError:
        if _names_padding(path):
            raise UnsupportedModelError(
                f"{path} has a tokenizer with a padding token and a model without: write its number as pad_token_id in "
                "config.json."
            ) from None
        for config in (model.config, model.config.get_text_config()):
            config.pad_token_id = NO_TOKEN


def _names_padding(path: Path) -> bool:
    files = (path / "tokenizer_config.json", path / "special_tokens_map.json")
    return any(read_json(file, missing_ok=True).get("pad_token") for file in files)
