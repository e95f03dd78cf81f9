"""The settings of a Hugging Face folder: JSON files, the task and the names of the classes."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from dynanoise_export.errors import FormatError, UnsupportedModelError, UntrustedCodeError
from dynanoise_export.records import json_of, reading

# No size of a network, of an image or of a sound comes near the first, and no number of classes near the second.
LARGEST_SIZE, MOST_CLASSES = 10**8, 10**6


class Task(StrEnum):
    """What a classifier takes; its architecture's name need not say it: Wav2Vec2ForSequenceClassification hears."""

    SEQUENCE = "SEQUENCE"
    IMAGE = "IMAGE"
    AUDIO = "AUDIO"


def read_json(path: Path, *, missing_ok: bool = False) -> dict[str, Any]:
    """Read a JSON object; an empty one if the file may be missing and is.

    Raises:
        FileAccessError: the file can't be read.
        FormatError: it is missing, or holds something else.
    """
    if not path.exists():
        if missing_ok:
            return {}
        raise FormatError(f"The folder {path.parent} has no {path.name}, so it is not a Hugging Face model.")
    with reading(path, "a JSON file"):
        content = json_of(path.read_text(encoding="utf-8"), str(path))
    if not isinstance(content, dict):
        raise FormatError(f"{path} is not a JSON object.")
    return content


def read_sizes(path: Path, *, missing_ok: bool = False) -> dict[str, Any]:
    """Read a JSON object with sizes that memory will be taken for.

    Raises:
        FormatError: as `read_json`, or a number is larger than any size.
    """
    content = read_json(path, missing_ok=missing_ok)
    pairs: list[tuple[Any, Any]] = list(content.items())
    while pairs:
        name, value = pairs.pop()
        if isinstance(value, dict):
            pairs += value.items()
        elif isinstance(value, list):
            pairs += [(name, item) for item in value]
        elif isinstance(value, int) and _is_too_large(str(name), value):
            raise FormatError(f"{path} sets {name} to a number that is too large for any model: get the folder again.")
    return content


def _is_too_large(name: str, value: int) -> bool:
    if "theta" in name:  # a frequency is no size
        return False
    return abs(value) > (MOST_CLASSES if name == "num_labels" else LARGEST_SIZE)


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
    if config.get("model_type") == "timm_wrapper" and (
        config.get("model_args") or not str(config.get("architecture")).isidentifier()
    ):
        raise UntrustedCodeError(f"{path} may make timm open other files: export the model of timm with --arch.")
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
