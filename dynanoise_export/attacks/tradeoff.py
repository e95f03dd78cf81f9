"""MIDPUT of each attacker: the papers' figure, and what it would be if a constant answer earned nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

from dynanoise_export.attacks.attackers import Attacker
from dynanoise_export.attacks.methods import lira
from dynanoise_export.attacks.methods.attack import Attack
from dynanoise_export.attacks.methods.confidence import CONFIDENCE
from dynanoise_export.attacks.methods.entropy import ENTROPY
from dynanoise_export.attacks.methods.fixed_thresholds import FIXED_CONFIDENCE, FIXED_LOSS
from dynanoise_export.attacks.methods.loss import LOSS
from dynanoise_export.attacks.methods.modified_entropy import MODIFIED_ENTROPY
from dynanoise_export.attacks.methods.shadow_regression import SHADOW_REGRESSION
from dynanoise_export.attacks.metrics.midput import midput, midput_from_half
from dynanoise_export.attacks.results import Result

# The attacks that each version averages over.
FIRST = (FIXED_CONFIDENCE, FIXED_LOSS, SHADOW_REGRESSION)
SECOND = (CONFIDENCE, LOSS, SHADOW_REGRESSION, lira.ONLINE_FIXED, ENTROPY, MODIFIED_ENTROPY)


@dataclass(frozen=True)
class Tradeoff:
    """MIDPUT as one attacker's attacks give it; None where attacks are missing.

    Attributes:
        attacker: whose attacks.
        first: of the first version, by the ASR of three attacks.
        second: of the second version, by the balanced accuracy of six.
        from_half: of the second, by how far the balanced accuracies are from 0.5.
    """

    attacker: Attacker
    first: float | None
    second: float | None
    from_half: float | None


def tradeoffs(without: Sequence[Result], defended: Sequence[Result], accuracy_lost: float) -> list[Tradeoff]:
    """Compute MIDPUT for each attacker of the defended model who does all the attacks."""
    plain = {result.attack: result for result in without if not result.attacker.labels_only}
    attackers = dict.fromkeys(result.attacker for result in defended if not result.attacker.labels_only)
    return [
        _tradeoff(attacker, plain, {r.attack: r for r in defended if r.attacker == attacker}, accuracy_lost)
        for attacker in attackers
    ]


def of_attack(without: Result, defended: Result, accuracy_lost: float) -> float:
    """Compute the MIDPUT of one attack, by its balanced accuracy."""
    return midput([_balanced(without)], [_balanced(defended)], accuracy_lost)


def _tradeoff(
    attacker: Attacker, plain: dict[Attack, Result], own: dict[Attack, Result], accuracy_lost: float
) -> Tradeoff:
    first = second = from_half = None
    if all(attack in plain and attack in own for attack in FIRST):
        first = midput(
            [plain[a].verdicts.asr.value for a in FIRST], [own[a].verdicts.asr.value for a in FIRST], accuracy_lost
        )
    if all(attack in plain and attack in own for attack in SECOND):
        pairs = [_balanced(plain[a]) for a in SECOND], [_balanced(own[a]) for a in SECOND]
        second, from_half = midput(*pairs, accuracy_lost), midput_from_half(*pairs, accuracy_lost)
    return Tradeoff(attacker, first, second, from_half)


def _balanced(result: Result) -> float:
    return result.verdicts.balanced_accuracy.value
