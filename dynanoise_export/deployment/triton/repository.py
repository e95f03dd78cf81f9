"""Write a model repository for Triton."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from dynanoise_export.deployment.triton.serving import Decided, Wanted, decide
from dynanoise_export.deployment.triton.triton_backend import Backend
from dynanoise_export.errors import UserError
from dynanoise_export.files import folder_written_whole
from dynanoise_export.graph.files import external_files, read_model, write_model
from dynanoise_export.noise import system_normals

PYTHON_MODEL = Path(__file__).with_name("python_model.py")


@dataclass(frozen=True)
class Written:
    """A model in a repository.

    Attributes:
        folder: of the model.
        decided: how it is deployed.
    """

    folder: Path
    decided: Decided


def make_repository(path: Path, repository: Path, wanted: Wanted) -> Written:
    """Put a defended file into a model repository, in a folder of its own.

    Args:
        path: of the ONNX file, or of a plan with its manifest beside it.
        repository: the folder of the models; it is made if it is not there.
        wanted: what the user asks for.

    Raises:
        UserError: the file can't be served so, or there is such a model already; then nothing was written.
    """
    _require_tritonclient()
    from dynanoise_export.deployment.triton.config import LABELS_FILE, config_text
    from dynanoise_export.deployment.triton.readme import readme_text

    decided = decide(path, wanted)
    folder = repository / decided.name
    if folder.exists() or folder.is_symlink():
        raise UserError(f"{folder} is there already: take another --name, or remove it.")
    config, readme = config_text(decided), readme_text(decided)
    _make_folder(repository)
    with folder_written_whole(folder) as staged:
        (staged / "config.pbtxt").write_text(config, encoding="utf-8")
        (staged / "README.md").write_text(readme, encoding="utf-8")
        if decided.labels:
            (staged / LABELS_FILE).write_text("\n".join(decided.labels) + "\n", encoding="utf-8")
        (staged / "1").mkdir()
        _put_model(decided, staged / "1")
    return Written(folder, decided)


def _require_tritonclient() -> None:
    try:
        import tritonclient.grpc.model_config_pb2  # noqa: F401
    except ImportError as error:
        raise UserError(
            "A model repository takes tritonclient, for Triton's own form of a config: "
            "pip install 'dynanoise-export[triton]'."
        ) from error


def _make_folder(repository: Path) -> None:
    try:
        repository.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"Can't make the folder {repository}: {error.strerror}.") from error


def _put_model(decided: Decided, version: Path) -> None:
    if decided.backend is Backend.TENSORRT:
        shutil.copyfile(decided.path, version / "model.plan")
        return
    model = read_model(decided.path)
    if external_files(model):
        write_model(model, version / "model.onnx")  # which names its weights anew, to lie beside it
    else:
        shutil.copyfile(decided.path, version / "model.onnx")
    if decided.backend is Backend.PYTHON:
        shutil.copyfile(PYTHON_MODEL, version / "model.py")
        shutil.copyfile(system_normals.__file__, version / "system_normals.py")
