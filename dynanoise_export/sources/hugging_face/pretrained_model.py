"""Load the model of a Hugging Face folder through transformers."""

import inspect
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from dynanoise_export.errors import (
    FormatError,
    MissingPackageError,
    UnsupportedModelError,
    UntrustedCodeError,
    UserError,
    first_line,
)
from dynanoise_export.sources.network_size import require_filled

SAFETENSORS, PICKLES = "*.safetensors", "pytorch_model*.bin"


def weight_files(path: Path) -> list[Path]:
    """List the files with the weights of a folder: those of safetensors or, without any, pickles.

    Raises:
        FormatError: there are none.
    """
    files = sorted(path.glob(SAFETENSORS)) or sorted(path.glob(PICKLES))
    if not files:
        raise FormatError(
            f"{path} has no weights for PyTorch (model.safetensors or pytorch_model.bin): save the model there with "
            "save_pretrained."
        )
    return files


def load(path: Path, architecture: str) -> torch.nn.Module:
    """Load a classifier, in float32; no code from the folder is run.

    Args:
        path: of the folder.
        architecture: the name of its class in transformers.

    Raises:
        UserError: the folder is damaged or incomplete, holds code, or needs a package that is not installed.
    """
    import transformers

    files = weight_files(path)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    kind = getattr(transformers, architecture)
    try:
        settings = kind.config_class.from_pretrained(path, local_files_only=True, trust_remote_code=False)
        require_filled(
            path,
            lambda: kind._from_config(settings, dtype=torch.float32, attn_implementation="eager"),
            sum(file.stat().st_size for file in files),
        )
        # Of a pickle, transformers opens nothing but tensors, whatever is asked for.
        model, loading = kind.from_pretrained(
            path, local_files_only=True, trust_remote_code=False, use_safetensors=files[0].suffix == ".safetensors",
            weights_only=True, dtype=torch.float32, attn_implementation="eager", output_loading_info=True,
        )  # fmt: skip
    except UserError:
        raise
    except Exception as error:  # transformers raises whatever a file of the folder makes it raise
        raise _failure(path, error) from error
    if loading["missing_keys"]:
        missing = sorted(loading["missing_keys"])
        raise UnsupportedModelError(
            f"{path} has no weights for {missing[0]!r} ({len(missing)} missing in all): train it as a classifier first."
        )
    _answer_once(model)
    classifier: torch.nn.Module = model
    return classifier


def takes(model: torch.nn.Module, name: str) -> bool:
    """Whether a model has an argument of a name."""
    return name in inspect.signature(model.forward).parameters


def _failure(path: Path, error: Exception) -> UserError:
    if any(isinstance(one, pickle.UnpicklingError) for one in _causes(error)):
        return UntrustedCodeError(
            f"The weights of {path} are a pickle of more than tensors, and opening it could run any code: save the "
            "model again with save_pretrained, which writes .safetensors."
        )
    if isinstance(error, ImportError):
        return MissingPackageError(f"{path} needs a package that is not installed: {first_line(error)}")
    return FormatError(f"transformers can't open {path}: {first_line(error)}")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _answer_once(model: Any) -> None:
    """Let a model return its scores by name, without a cache for the next token or hidden states.

    The parts of a model keep configurations of their own.
    """
    for part in model.modules():
        config = getattr(part, "config", None)
        if config is None:
            continue
        config.return_dict = True
        config.output_hidden_states = config.output_attentions = False
        if getattr(config, "use_cache", False):
            config.use_cache = False
