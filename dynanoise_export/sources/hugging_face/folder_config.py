"""The settings of a Hugging Face folder: JSON files, the task and the names of the classes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from dynanoise_export.errors import FormatError, UnsupportedModelError, UntrustedCodeError


class Task(StrEnum):
    """What a classifier takes; its architecture's name need not say it: Wav2Vec2ForSequenceClassification hears."""

    SEQUENCE = "SEQUENCE"
    IMAGE = "IMAGE"
    AUDIO = "AUDIO"


def read_json(path: Path, *, missing_ok: bool = False) -> dict[str, Any]:
    """Read a JSON object; an empty one if the file may be missing and is.

    Raises:
        FormatError: the file is missing, or holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        if missing_ok:
            return {}
        raise FormatError(f"The folder {path.parent} has no {path.name}, so it is not a Hugging Face model.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise FormatError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise FormatError(f"{path} is not a JSON object.")
    return content


def architecture_of(config: Mapping[str, Any]) -> str:
    """Give the name of the model's class in transformers."""
    return str((config.get("architectures") or ["model without architecture"])[0])


def require_classifier(path: Path, config: Mapping[str, Any]) -> Task:
    """Give the task of a single-label classifier, by what transformers knows about its architecture.

    Args:
        path: of the folder, for messages.
        config: the content of `config.json`.

    Raises:
        UserError: the folder needs its own code, or holds another kind of model.
    """
    architecture = architecture_of(config)
    if "auto_map" in config:
        raise UntrustedCodeError(f"{path} needs the code in its folder (auto_map), and code from a model is not run.")
    if architecture.endswith("ForTokenClassification"):
        raise UnsupportedModelError(
            f"{path} is a {architecture} with token-level logits, and a defence covers one answer per query."
        )
    task = next((task for task in Task if architecture in _architectures(task, str(config.get("model_type")))), None)
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


def _architectures(task: Task, model_type: str) -> Sequence[str]:
    from transformers.models.auto import modeling_auto

    known = getattr(modeling_auto, f"MODEL_FOR_{task}_CLASSIFICATION_MAPPING_NAMES").get(model_type, ())
    return (known,) if isinstance(known, str) else tuple(known)


def labels_of(config: Mapping[str, Any], classes: int) -> tuple[str, ...]:
    """Read the names of the classes; none if the folder has none, or those that transformers makes up."""
    named = config.get("id2label")
    if not isinstance(named, Mapping) or set(named) != {str(i) for i in range(classes)}:
        return ()
    labels = tuple(str(named[str(i)]) for i in range(classes))
    return () if labels == tuple(f"LABEL_{i}" for i in range(classes)) else labels


def settings(config: Any, name: str) -> Iterator[Any]:
    """Iterate over the values of a setting in a model's configuration and in the ones within it, outermost first.

    A model of several parts keeps the size of its images or of its vocabulary in the configuration of one part.
    """
    from transformers import PreTrainedConfig

    try:
        value = getattr(config, name, None)
    except NotImplementedError:  # XLNet's, for a limit that it does not have
        value = None
    if value is not None:
        yield value
    for inner in vars(config).values():
        if isinstance(inner, PreTrainedConfig):
            yield from settings(inner, name)


def setting(config: Any, name: str) -> Any:
    """Give the outermost value of a setting, or None."""
    return next(settings(config, name), None)
