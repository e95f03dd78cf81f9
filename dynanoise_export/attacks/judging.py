"""Run attacks, and judge their scores."""

from collections.abc import Iterator

from dynanoise_export.attacks.attackers import Attacker
from dynanoise_export.attacks.audit import Audit
from dynanoise_export.attacks.evidence import Evidence, with_shadow_as_target
from dynanoise_export.attacks.methods.attack import Attack
from dynanoise_export.attacks.methods.attack_catalogue import ATTACKS
from dynanoise_export.attacks.metrics.accuracy import verdicts
from dynanoise_export.attacks.metrics.auc import auc, placements
from dynanoise_export.attacks.metrics.epsilon import epsilon_lower_bound
from dynanoise_export.attacks.metrics.roc import curve, tpr_at
from dynanoise_export.attacks.metrics.thresholds import best_threshold
from dynanoise_export.attacks.results import FPRS, Result, ThresholdOrigin
from dynanoise_export.types import Bools, Float64s


def run_attacks(attacker: Attacker, evidence: Evidence, audit: Audit) -> Iterator[Result]:
    """Run all attacks for which an attacker's evidence is enough, and judge each on the judged rows."""
    member, judged = audit.member[audit.judged], audit.judged
    shadow_target = None
    if evidence.shadows is not None:
        shadow_target = with_shadow_as_target(evidence, evidence.shadows, 0)
    for _, attack in ATTACKS.all():
        if attack.can_run(evidence):
            scores = attack.score(evidence)[judged]
            threshold, origin = _threshold(attack, evidence, shadow_target, scores, member)
            yield judge(attack, attacker, scores, member, threshold, origin)


def _threshold(
    attack: Attack, evidence: Evidence, shadow_target: Evidence | None, scores: Float64s, member: Bools
) -> tuple[float, ThresholdOrigin]:
    if attack.fixed_threshold is not None:
        return attack.fixed_threshold, ThresholdOrigin.FIXED
    if shadow_target is not None and evidence.shadows is not None and attack.can_run(shadow_target):
        shadow_scores = attack.score(shadow_target)
        return best_threshold(shadow_scores, evidence.shadows.trained_on[0]), ThresholdOrigin.SHADOW_MODELS
    return best_threshold(scores, member), ThresholdOrigin.JUDGED_ROWS


def judge(
    attack: Attack, attacker: Attacker, scores: Float64s, member: Bools, threshold: float, origin: ThresholdOrigin
) -> Result:
    """Compute all metrics of the scores of the r judged rows.

    Args:
        attack: the attack.
        attacker: the attacker.
        scores: float64 [r], larger for likely members.
        member: bool [r], the truth.
        threshold: the score from which on the attack says "member".
        origin: where the threshold comes from.
    """
    placed, roc = placements(scores, member), curve(scores, member)
    best, said = best_threshold(scores, member), scores >= threshold
    return Result(
        attack=attack,
        attacker=attacker,
        scores=scores,
        placements=placed,
        curve=roc,
        auc=auc(placed),
        tpr={fpr: tpr_at(roc, fpr) for fpr in FPRS},
        said=said,
        verdicts=verdicts(said, member),
        threshold=origin,
        best_balanced_accuracy=verdicts(scores >= best, member).balanced_accuracy.value,
        epsilon=epsilon_lower_bound(scores, member),
    )
