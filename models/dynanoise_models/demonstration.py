"""The whole workflow, from training to a defended and attacked file, on scikit-learn's digits."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import softmax

from dynanoise_export import (
    AttackReport,
    BenchReport,
    Bundle,
    Exported,
    FileAccessError,
    Progress,
    Step,
    Validation,
    attack,
    bench,
    export,
    load,
    validate,
)
from dynanoise_export.sources.reference_model import Reference
from dynanoise_export.types import Float32s, no_progress
from dynanoise_models.experiments import ExperimentOptions
from dynanoise_models.shadows.make_shadows import make_shadows
from dynanoise_models.targets import TARGETS
from dynanoise_models.train_target import train_target

TARGET = "digits-mlp"
# Of 1,797. A model overfits more to fewer rows, and a TPR at 1% FPR needs this many non-members.
ROWS = 1000
REPEATS = 3
SHADOWS = 32
# Each row is asked up to 16 times: more budget shows little more on digits, and takes minutes.
BUDGET = 16
# Enough to measure the ratio of so small a model.
PAIRS = 50


@dataclass(frozen=True)
class Demonstration:
    """What the demonstration made and measured.

    Attributes:
        checkpoint: the path of the trained model.
        bundle: the path of the members and non-members.
        exported: the defended file.
        validation: of the file, on the rows of the bundle.
        plain: the undefended answer [k] to one member.
        defended: the defended answers [3, k] to three queries with the same member.
        shadows: the path of the shadow models.
        attack: what attacks get out of the file.
        bench: what the defence costs.
    """

    checkpoint: Path
    bundle: Path
    exported: Exported
    validation: Validation
    plain: Float32s
    defended: Float32s
    shadows: Path
    attack: AttackReport
    bench: BenchReport


def demonstrate(folder: Path, *, progress: Progress = no_progress) -> Demonstration:
    """Train a small overfitted target, export it with the paper's settings, then validate, query, attack and time it.

    Args:
        folder: for all files; it is made if it does not exist, and its files are replaced.
        progress: called with each step.

    Raises:
        UserError: the folder can't be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileAccessError(f"Can't make the folder {folder}: {error.strerror}.") from error
    checkpoint, bundle, shadows = folder / "digits.pt", folder / "bundle.npz", folder / "shadows"
    options = ExperimentOptions(rows=ROWS)
    train_target(TARGET, checkpoint, bundle, options=options, progress=progress)
    exported = export(checkpoint, folder / "defended.onnx", progress=progress)
    validation = validate(exported.path, checkpoint, data=bundle, progress=progress)

    progress(Step("Querying the model"))
    plain, defended = _answers(exported, bundle)

    # One worker: another one takes longer to start than these models take to train.
    make_shadows(TARGET, shadows, SHADOWS, bundle=bundle, options=options, workers=1, progress=progress)
    report = attack(
        exported.path,
        bundle,
        shadows=shadows,
        reference=checkpoint,
        budget=BUDGET,
        cache=folder / "report.responses",
        progress=progress,
    )
    cost = bench(exported.path, pairs=PAIRS, progress=progress)
    return Demonstration(checkpoint, bundle, exported, validation, plain, defended, shadows, report, cost)


def _answers(exported: Exported, bundle: Path) -> tuple[Float32s, Float32s]:
    """Query the undefended model once, and the defended one several times, with the first member."""
    rows = Bundle.load(bundle, [spec.name for spec in TARGETS[TARGET].inputs])
    first = {name: array[:1] for name, array in rows.inputs.items()}
    with Reference(exported.source) as reference, load(exported.path) as session:
        plain = softmax(reference.logits(first), axis=1).astype(np.float32)
        defended = np.concatenate([session.predict(first) for _ in range(REPEATS)])
    return plain[0], defended
