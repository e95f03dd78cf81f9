"""The main job, from training to a defended file, on scikit-learn's digits."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from dynanoise_export.errors import UserError
from dynanoise_export.exporting import Exported, Progress, export
from dynanoise_export.files import written_whole
from dynanoise_export.graph.attach import OUTPUT_NAME
from dynanoise_export.mechanism.heads import DynaNoise
from dynanoise_export.parameters import Parameters
from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimePredictor
from dynanoise_export.validation.suite import Validation, validate
from dynanoise_models import digits
from dynanoise_models.checkpoints import save_checkpoint

TIMES = 3


@dataclass(frozen=True)
class Demonstration:
    """What the demonstration made and saw.

    Attributes:
        checkpoint: the trained model.
        bundle: the members and non-members, for an audit.
        exported: the defended file.
        validation: of the file, on the bundle's rows.
        accuracies: of the plain and of the defended model, on members and on non-members, by name.
        plain: the undefended answer [k] to one member.
        defended: the defended answers [3, k] to the same member, asked three times.
    """

    checkpoint: Path
    bundle: Path
    exported: Exported
    validation: Validation
    accuracies: dict[str, tuple[float, float]]
    plain: npt.NDArray[np.float32]
    defended: npt.NDArray[np.float32]


def demonstrate(folder: Path, progress: Progress = lambda step: None) -> Demonstration:
    """Train a small overfitted target, export it with the paper's settings, validate the file, and ask it.

    Args:
        folder: made if it is not there; its files are replaced.
        progress: told of each step.

    Raises:
        UserError: the folder can't be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"Can't make the folder {folder}: {error.strerror}.") from error
    checkpoint, bundle = folder / "digits.pt", folder / "bundle.npz"
    audit = digits.load_audit()
    module = digits.train(audit, progress=lambda done, of: progress(f"Training on digits, epoch {done} of {of}"))
    with written_whole(checkpoint) as staged:
        save_checkpoint(staged, digits.NAME, {}, module)
    with written_whole(bundle) as staged:
        np.savez_compressed(staged, x=audit.x, y=audit.y, member=audit.member)
    exported = export(checkpoint, folder / "defended.onnx", DynaNoise(Parameters()), progress=progress)

    validation = validate(exported.path, checkpoint, bundle, progress=progress)

    progress("Asking it")
    plain = _ask_plain(module, audit.x)
    file = OnnxRuntimePredictor(exported.path)
    defended = _ask(file, audit.x)
    return Demonstration(
        checkpoint=checkpoint,
        bundle=bundle,
        exported=exported,
        validation=validation,
        accuracies={
            "without the defence": (audit.accuracy(plain, member=True), audit.accuracy(plain, member=False)),
            "with the defence": (audit.accuracy(defended, member=True), audit.accuracy(defended, member=False)),
        },
        plain=plain[0],
        defended=np.concatenate([_ask(file, audit.x[:1]) for _ in range(TIMES)]),
    )


def _ask_plain(module: torch.nn.Module, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    with torch.no_grad():
        logits: torch.Tensor = module(torch.from_numpy(x))
    return np.asarray(logits.softmax(dim=1), dtype=np.float32)


def _ask(file: OnnxRuntimePredictor, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.asarray(file.run({file.inputs[0]: x})[OUTPUT_NAME], dtype=np.float32)
