"""An estimate of what shadow models would add, from the losses of one model: for audits without a shadow store.

Training takes the rows that it memorises out of the upper tail of the losses, where they would be without it. So the
share of non-members in that tail, beyond almost all members, stands for the share of members that were taken out of it,
which are those that an attacker with shadow models finds.

It is an estimate, and no bound: the true TPR may be larger or smaller. It is too small where training shifts the loss
of each row a little, which only a comparison with shadow models shows. It is too large where training moves almost all
losses, those of rows that no attacker is sure of too: at 1% FPR it was 0.15 on the digits and 0.69 on Location30, where
LiRA found 0.08 and 0.35 of the members, with 31 and 63 shadow models.

Source: Dodd et al. 2025, "The Tail Tells All": the true-negative rate of the loss attack at a low false-negative rate,
as an estimate of LiRA's TPR at the same FPR. The interval is ours.
"""

from dataclasses import dataclass

from dynanoise_export.attacks.metrics.roc import curve, tpr_at
from dynanoise_export.intervals import Interval
from dynanoise_export.types import Bools, Floats

ASSUMPTION = (
    "the members that shadow models expose are those whose loss would be in the upper tail if the model had not been "
    "trained on them"
)


@dataclass(frozen=True)
class ShadowFreeEstimate:
    """An estimate, and no bound, of the TPR of an attacker with shadow models.

    Attributes:
        fpr: the FPR that the attacker keeps to.
        tpr: the estimate, at least about `fpr`. The interval is that of the rows that were drawn; it says nothing of
            how well the assumption holds.
        assumption: a clause that says what the estimate supposes.
    """

    fpr: float
    tpr: Interval
    assumption: str = ASSUMPTION


def estimate_without_shadows(losses: Floats, member: Bools, fpr: float) -> ShadowFreeEstimate | None:
    """Estimate the TPR that LiRA would have with shadow models.

    Args:
        losses: [n], the target's losses on the labels, or negative scaled confidences: only their order counts.
        member: bool [n].
        fpr: the FPR that the attacker keeps to.

    Returns:
        None if there are too few members to find the end of their losses; `roc.non_members_needed(fpr)` members are
        enough.
    """
    # A non-member is "found" if its loss is above those of all but this share of the members.
    found = tpr_at(curve(losses, ~member), fpr)
    return None if found is None else ShadowFreeEstimate(fpr, found)
