"""The main job, from training to a defended file, on scikit-learn's digits."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from dynanoise_export.attacks.attacking_model import AttackReport, Options, attack
from dynanoise_export.benchmarking.benchmark import BenchReport, bench
from dynanoise_export.benchmarking.benchmark import Options as BenchOptions
from dynanoise_export.bundles import load_bundle
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.errors import UserError
from dynanoise_export.exporting import Exported, Progress, export
from dynanoise_export.graph.attach import OUTPUT_NAME
from dynanoise_export.parameters import Parameters
from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimePredictor
from dynanoise_export.runtimes.predictor import Arrays
from dynanoise_export.sources.reference_model import reference_logits
from dynanoise_export.validation.validating import Validation, validate
from dynanoise_models.experiments import Choices
from dynanoise_models.making import train_target
from dynanoise_models.shadows.making import make_shadows
from dynanoise_models.targets import TARGETS
from dynanoise_models.training.loop import Epoch

TARGET = "digits-mlp"
# Of 1,797: the fewer a model learns from, the more it learns by heart; and so many non-members tell a TPR at 1% FPR.
ROWS = 1000
TIMES = 3
SHADOWS = 32
# So many turns tell the ratio of so small a model well enough.
PAIRS = 50


@dataclass(frozen=True)
class Demonstration:
    """What the demonstration made and saw.

    Attributes:
        checkpoint: the trained model.
        bundle: the members and non-members, for an audit.
        exported: the defended file.
        validation: of the file, on the bundle's rows.
        plain: the undefended answer [k] to one member.
        defended: the defended answers [3, k] to the same member, asked three times.
        shadows: the shadow models.
        attack: what attacks get out of the file.
        bench: what the defence costs.
    """

    checkpoint: Path
    bundle: Path
    exported: Exported
    validation: Validation
    plain: npt.NDArray[np.float32]
    defended: npt.NDArray[np.float32]
    shadows: Path
    attack: AttackReport
    bench: BenchReport


def demonstrate(folder: Path, progress: Progress = lambda step: None) -> Demonstration:
    """Train a small overfitted target, export it with the paper's settings, and validate, ask, attack and time it.

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
    checkpoint, bundle, shadows = folder / "digits.pt", folder / "bundle.npz", folder / "shadows"
    choices = Choices(rows=ROWS)
    train_target(TARGET, checkpoint, bundle, choices, progress, _telling(progress))
    exported = export(checkpoint, folder / "defended.onnx", DynaNoise(Parameters()), progress=progress)

    validation = validate(exported.path, checkpoint, bundle, progress=progress)

    progress("Asking it")
    rows = load_bundle(bundle, [spec.name for spec in TARGETS[TARGET].inputs])
    first = {name: array[:1] for name, array in rows.inputs.items()}
    plain = softmax(reference_logits(exported.target, first), axis=1).astype(np.float32)
    file = OnnxRuntimePredictor(exported.path)

    make_shadows(TARGET, shadows, SHADOWS, choices, bundle, step=progress, progress=_counting(progress))
    asked = Options(cache=folder / "report.observations")
    attacked = attack(exported.path, bundle, shadows, checkpoint, asked, progress)
    cost = bench(str(exported.path), options=BenchOptions(pairs=PAIRS), step=progress)
    return Demonstration(
        checkpoint=checkpoint,
        bundle=bundle,
        exported=exported,
        validation=validation,
        plain=plain[0],
        defended=np.concatenate([_ask(file, first) for _ in range(TIMES)]),
        shadows=shadows,
        attack=attacked,
        bench=cost,
    )


def _telling(progress: Progress) -> Callable[[Epoch], None]:
    return lambda epoch: progress(f"Training on digits, epoch {epoch.done:.0f} of {epoch.of}")


def _counting(progress: Progress) -> Callable[[float, int], None]:
    return lambda done, of: progress(f"Training shadow models, {done:.0f} of {of}")


def _ask(file: OnnxRuntimePredictor, inputs: Arrays) -> npt.NDArray[np.float32]:
    return np.asarray(file.run(inputs)[OUTPUT_NAME], dtype=np.float32)
