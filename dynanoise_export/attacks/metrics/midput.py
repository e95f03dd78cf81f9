"""MIDPUT, the papers' figure for privacy gained and accuracy lost, and a variant that a constant answer can't win.

Both versions of the DynaNoise paper average, over their attacks, the fall of the attack's accuracy, and subtract the
accuracy that the model loses. The first version takes the ASR of three attacks, the second the balanced accuracy of
six. But an accuracy below 0.5 is as good for an attacker as one above, who only needs to invert the verdicts. So the
variant takes the fall of |accuracy - 0.5|.
"""

from collections.abc import Sequence


def midput(without: Sequence[float], defended: Sequence[float], accuracy_lost: float) -> float:
    """Compute MIDPUT.

    Args:
        without: the attacks' accuracies on the undefended model.
        defended: those of the same attacks on the defended model.
        accuracy_lost: the undefended model's accuracy less the defended model's.

    Source: Forough and Haddadi 2025, section 7.1.
    """
    falls = [a - b for a, b in zip(without, defended, strict=True)]
    return sum(falls) / len(falls) - accuracy_lost


def midput_from_half(without: Sequence[float], defended: Sequence[float], accuracy_lost: float) -> float:
    """Compute the same from the distances between the accuracies and 0.5; the arguments are those of `midput`."""
    return midput([abs(a - 0.5) for a in without], [abs(a - 0.5) for a in defended], accuracy_lost)
