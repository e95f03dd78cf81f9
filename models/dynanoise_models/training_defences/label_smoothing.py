"""Label smoothing (Szegedy et al. 2016): a baseline that is no protection, because models leak more with it."""

from dataclasses import dataclass

from dynanoise_export.defences.base import require_between
from dynanoise_models.training.step_loss import CrossEntropy
from dynanoise_models.training_defences.plain_training import fit_with
from dynanoise_models.training_defences.training_defence import Fitted, Training, TrainingDefence


@dataclass(frozen=True)
class LabelSmoothing(TrainingDefence):
    """Label smoothing.

    Attributes:
        smoothing: the share of the label's probability that is spread over all classes.
    """

    smoothing: float = 0.1

    name = "label-smoothing"
    summary = "smoothed labels; a baseline, which leaks more"
    stackable = True

    def __post_init__(self) -> None:
        require_between("smoothing", self.smoothing, 0, 1)

    def fit(self, training: Training) -> Fitted:
        """Train with the cross-entropy to the smoothed labels."""
        return fit_with(CrossEntropy(self.smoothing), training)
