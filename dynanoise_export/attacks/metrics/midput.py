"""MIDPUT, the papers' one figure for privacy gained and accuracy lost, and one that a constant answer can't win.

Both versions of the DynaNoise paper average, over their attacks, how much the attack's accuracy falls, and take off the
accuracy that the model loses. The first takes three attacks' ASR, the second six attacks' balanced accuracy. An attack
below 0.5 is no better a result than one as far above: turn its verdicts round, and it is that. So there stands beside
them what |accuracy - 0.5| gains.
"""

from collections.abc import Sequence


def midput(without: Sequence[float], defended: Sequence[float], accuracy_lost: float) -> float:
    """Compute MIDPUT.

    Args:
        without: the attacks' accuracies on the undefended model.
        defended: those of the same attacks on the defended one.
        accuracy_lost: the model's accuracy without the defence, less that with it.

    Source: Forough and Haddadi 2025, section 7.1.
    """
    falls = [a - b for a, b in zip(without, defended, strict=True)]
    return sum(falls) / len(falls) - accuracy_lost


def midput_from_half(without: Sequence[float], defended: Sequence[float], accuracy_lost: float) -> float:
    """Compute the same of how far each accuracy is from 0.5; the arguments are those of `midput`."""
    return midput([abs(a - 0.5) for a in without], [abs(a - 0.5) for a in defended], accuracy_lost)
