"""MIDPUT by attacker: the papers' figure, and the variant that a constant answer can't win."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dynanoise_export.attacks.attackers import Attacker
from dynanoise_export.attacks.metrics.midput import midput, midput_from_half
from dynanoise_export.attacks.results import Result

# The codes of the attacks that each version of the DynaNoise paper averages over.
FIRST_VERSION = ("fixed-confidence", "fixed-loss", "shadow-regression")
SECOND_VERSION = ("confidence", "loss", "shadow-regression", "lira-online-fixed", "entropy", "modified-entropy")


@dataclass(frozen=True)
class Tradeoff:
    """MIDPUT of one attacker; None if an attack that it averages over was skipped.

    Attributes:
        attacker: the attacker.
        first: by the first version of the paper, from the ASR of three attacks.
        second: by the second version, from the balanced accuracy of six attacks.
        from_half: as the second, but from the distances between the balanced accuracies and 0.5.
    """

    attacker: Attacker
    first: float | None
    second: float | None
    from_half: float | None


def tradeoffs(without: Sequence[Result], defended: Sequence[Result], accuracy_lost: float) -> list[Tradeoff]:
    """Compute MIDPUT for each attacker of the defended model who sends the rows themselves.

    Args:
        without: the results on the undefended model.
        defended: the results on the defended model.
        accuracy_lost: the undefended model's accuracy less the defended model's.
    """
    plain = {result.attack.code: result for result in without}
    attackers = dict.fromkeys(result.attacker for result in defended if not result.attacker.plan)
    return [
        _tradeoff(attacker, plain, {r.attack.code: r for r in defended if r.attacker == attacker}, accuracy_lost)
        for attacker in attackers
    ]


def attack_midput(without: Result, defended: Result, accuracy_lost: float) -> float:
    """Compute the MIDPUT of one attack from its balanced accuracy."""
    return midput([_balanced(without)], [_balanced(defended)], accuracy_lost)


def _tradeoff(
    attacker: Attacker, plain: Mapping[str, Result], own: Mapping[str, Result], accuracy_lost: float
) -> Tradeoff:
    first = second = from_half = None
    if all(code in plain and code in own for code in FIRST_VERSION):
        first = midput(
            [plain[code].verdicts.asr.value for code in FIRST_VERSION],
            [own[code].verdicts.asr.value for code in FIRST_VERSION],
            accuracy_lost,
        )
    if all(code in plain and code in own for code in SECOND_VERSION):
        pairs = [_balanced(plain[code]) for code in SECOND_VERSION], [_balanced(own[code]) for code in SECOND_VERSION]
        second, from_half = midput(*pairs, accuracy_lost), midput_from_half(*pairs, accuracy_lost)
    return Tradeoff(attacker, first, second, from_half)


def _balanced(result: Result) -> float:
    return result.verdicts.balanced_accuracy.value
