"""Write a model repository for Triton."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from dynanoise_export.choices import choice
from dynanoise_export.deployed.deployed_model import DeployedModel
from dynanoise_export.deployed.from_file import open_file
from dynanoise_export.deployed.from_plan import is_plan, open_plan
from dynanoise_export.deployed.requirements import require_defended
from dynanoise_export.deployment.triton.serving import Choices, Serving, decide_serving
from dynanoise_export.deployment.triton.triton_backend import TritonBackend
from dynanoise_export.errors import FileAccessError, MissingPackageError, UsageError
from dynanoise_export.files import folder_written_whole, make_private
from dynanoise_export.graph.model_files import external_files, write_model
from dynanoise_export.noise import system_normals

PYTHON_MODEL = Path(__file__).with_name("python_model.py")


@dataclass(frozen=True)
class TritonRepository:
    """A model in a repository.

    Attributes:
        folder: of the model.
        serving: how Triton serves it.
        model: the ONNX file or plan that it was made of.
    """

    folder: Path
    serving: Serving
    model: DeployedModel


def write_triton_repository(
    model: str | Path,
    repository: str | Path,
    *,
    name: str | None = None,
    backend: TritonBackend | str | None = None,
    max_batch: int | None = None,
    instances: int | None = None,
    labels: str | Path | None = None,
) -> TritonRepository:
    """Put a defended model into a repository for Triton, in a folder of its own.

    Args:
        model: the path of an ONNX file, or of a TensorRT plan with its manifest beside it.
        repository: the folder of the server's models, which is made if it does not exist.
        name: of the model on the server; None for the name of the file.
        backend: what runs it within Triton: onnxruntime, tensorrt or python; None for tensorrt for a plan, python for
            noise as an input, and onnxruntime otherwise.
        max_batch: the most rows that the server may run at once; None for 64, or for what a plan was built for.
        instances: how many copies of the model run; None for one.
        labels: the path of a text file with the name of a class on each line; None for the names that the model states.

    Returns:
        The folder, and how the model is served.

    Raises:
        UserError: the model can't be served so, or a model of this name is there already; then nothing was written.
    """
    _require_tritonclient()
    from dynanoise_export.deployment.triton.config import LABELS_FILE, config_text
    from dynanoise_export.deployment.triton.readme import readme_text

    path = Path(model)
    choices = _choices(name, backend, max_batch, instances, labels)
    opened = _open(path)
    defence, provenance = require_defended(opened)
    serving = decide_serving(opened, path, choices)
    folder = Path(repository) / serving.name
    if folder.exists() or folder.is_symlink():
        raise UsageError(f"{folder} exists already: choose another --name, or remove it.")
    config, readme = config_text(opened, provenance, serving), readme_text(opened, defence, serving)
    _make_folder(folder.parent)
    with folder_written_whole(folder) as staged:
        (staged / "config.pbtxt").write_text(config, encoding="utf-8")
        (staged / "README.md").write_text(readme, encoding="utf-8")
        if serving.labels:
            (staged / LABELS_FILE).write_text("\n".join(serving.labels) + "\n", encoding="utf-8")
        (staged / "1").mkdir()
        _put_model(opened, serving, staged / "1")
    return TritonRepository(folder, serving, opened)


def _require_tritonclient() -> None:
    try:
        import tritonclient.grpc.model_config_pb2  # noqa: F401
    except ImportError as error:
        raise MissingPackageError(
            "A model repository needs tritonclient, which defines Triton's config: "
            "pip install 'dynanoise-export[triton]'."
        ) from error


def _choices(
    name: str | None,
    backend: TritonBackend | str | None,
    max_batch: int | None,
    instances: int | None,
    labels: str | Path | None,
) -> Choices:
    for option, value in (("--max-batch", max_batch), ("--instances", instances)):
        if value is not None and value < 1:
            raise UsageError(f"{option} must be 1 or more, not {value}.")
    chosen = None if backend is None else choice(TritonBackend, backend, "Triton backend")
    return Choices(name, chosen, max_batch, instances or 1, None if labels is None else Path(labels))


def _open(path: Path) -> DeployedModel:
    if not is_plan(path):
        return open_file(path)
    if not path.is_file():
        raise FileAccessError(f"{path} does not exist, or is not a file.")
    return open_plan(path)


def _make_folder(repository: Path) -> None:
    try:
        repository.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileAccessError(f"Can't make the folder {repository}: {error.strerror}.") from error


def _put_model(model: DeployedModel, serving: Serving, version: Path) -> None:
    if model.graph is None:
        shutil.copyfile(serving.path, version / "model.plan")
    elif external_files(model.graph.model):
        write_model(model.graph.model, version / "model.onnx")  # with its weights under a new name beside it
    else:
        shutil.copyfile(serving.path, version / "model.onnx")
    if model.holds_secret:  # and so do its weights in a file beside it
        for file in version.iterdir():
            make_private(file)
    if serving.backend is TritonBackend.PYTHON:
        shutil.copyfile(PYTHON_MODEL, version / "model.py")
        shutil.copyfile(system_normals.__file__, version / "system_normals.py")
