"""What else a folder may hold than a model with its configuration, and the way out."""

from pathlib import Path

from dynanoise_export.errors import FormatError, UnsupportedModelError
from dynanoise_export.sources.hugging_face.pretrained_model import PICKLES, SAFETENSORS

ADAPTER = "adapter_config.json"
# Where Optimum and others put a converted model.
ONNX_FOLDERS = ("", "onnx")
MODELS = ("*.onnx", "*.safetensors", "*.pt", "*.pth", "*.pt2", "*.ts")


def require_own_weights(path: Path) -> None:
    """Refuse a folder with an adapter for another model, or without `config.json`.

    Raises:
        UserError: names the way out.
    """
    if (path / ADAPTER).exists():
        raise UnsupportedModelError(
            f"{path} holds an adapter ({ADAPTER}) for another model: load both with peft, merge them with "
            "merge_and_unload, save the result with save_pretrained, and give that folder."
        )
    if (path / "config.json").exists():
        return
    raise FormatError(f"The folder {path} has no config.json, so it is not a Hugging Face model{_instead(path)}.")


def _instead(path: Path) -> str:
    """Name what the user may have meant: a model in a folder below, such as a checkpoint of a trainer, or a file."""
    below = sorted([*path.glob("*/config.json"), *path.glob("*/*/config.json")], key=lambda file: file.stat().st_mtime)
    if below:
        return f": give the folder of one model, such as {below[-1].parent}"
    files = sorted(file for pattern in MODELS for file in path.glob(pattern))
    return f": give the file itself, {files[0]}" if files else ""


def only_onnx(path: Path) -> Path | None:
    """Find the ONNX model of a folder that has no weights for PyTorch, as Optimum makes it; None if it has some.

    Raises:
        UnsupportedModelError: there are several.
    """
    if any(path.glob(SAFETENSORS)) or any(path.glob(PICKLES)):
        return None
    files = sorted(file for folder in ONNX_FOLDERS for file in (path / folder).glob("*.onnx"))
    if len(files) > 1:
        named = ", ".join(str(file) for file in files[:3])
        raise UnsupportedModelError(f"{path} holds several ONNX models: give one of them, such as {named}.")
    return files[0] if files else None
