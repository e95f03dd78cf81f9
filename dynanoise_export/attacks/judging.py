"""Carry out attacks and judge them."""

from collections.abc import Iterator

from dynanoise_export.attacks.attackers import Attacker
from dynanoise_export.attacks.evidence import Bools, Evidence, with_shadow_as_target
from dynanoise_export.attacks.methods.attack import Attack, Scores
from dynanoise_export.attacks.methods.catalogue import ATTACKS
from dynanoise_export.attacks.metrics.accuracy import verdicts
from dynanoise_export.attacks.metrics.auc import auc, placements
from dynanoise_export.attacks.metrics.epsilon import epsilon_lower_bound
from dynanoise_export.attacks.metrics.roc import curve, tpr_at
from dynanoise_export.attacks.metrics.thresholds import best_threshold
from dynanoise_export.attacks.results import FPRS, Result

FIXED, FROM_SHADOWS, FROM_THESE_ROWS = "fixed", "shadow models", "these rows"


def attacks_for(attacker: Attacker) -> list[Attack]:
    """List the attacks that make sense for an attacker."""
    if attacker.labels_only:  # of their queries shadow models know nothing
        return [attack for attack in ATTACKS if attack.labels_only and not attack.shadows]
    return list(ATTACKS)


def carry_out(attacker: Attacker, evidence: Evidence, member: Bools, judged: Bools) -> Iterator[Result]:
    """Carry out all attacks that the attacker has the means for, and judge each on the judged rows."""
    playing = None
    if evidence.shadows is not None:
        playing = with_shadow_as_target(evidence, evidence.shadows, 0)
    for attack in attacks_for(attacker):
        if attack.has_means(evidence):
            scores = attack.score(evidence)[judged]
            cut, origin = _threshold(attack, evidence, playing, scores, member[judged])
            yield judge(attack, attacker, scores, member[judged], cut, origin)


def _threshold(
    attack: Attack, evidence: Evidence, playing: Evidence | None, scores: Scores, member: Bools
) -> tuple[float, str]:
    if attack.cut is not None:
        return attack.cut, FIXED
    if playing is not None and evidence.shadows is not None and attack.has_means(playing):
        return best_threshold(attack.score(playing), evidence.shadows.kept[0]), FROM_SHADOWS
    return best_threshold(scores, member), FROM_THESE_ROWS


def judge(attack: Attack, attacker: Attacker, scores: Scores, member: Bools, cut: float, origin: str) -> Result:
    """Judge the scores of the judged rows; `origin` tells where the threshold `cut` is from."""
    placed, drawn = placements(scores, member), curve(scores, member)
    best = best_threshold(scores, member)
    return Result(
        attack=attack,
        attacker=attacker,
        scores=scores,
        placed=placed,
        curve=drawn,
        auc=auc(placed),
        tpr={fpr: tpr_at(drawn, fpr) for fpr in FPRS},
        verdicts=verdicts(scores >= cut, member),
        threshold=origin,
        best_balanced_accuracy=verdicts(scores >= best, member).balanced_accuracy.value,
        epsilon=epsilon_lower_bound(scores, member),
    )
