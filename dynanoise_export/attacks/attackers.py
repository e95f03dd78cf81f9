"""Who attacks: what the attacker asks, and whether the attacker knows the defence."""

from collections.abc import Iterator
from dataclasses import dataclass

from dynanoise_export.attacks.queries.observations import LABEL_DELTA, Observations
from dynanoise_export.attacks.responses import Answers


@dataclass(frozen=True)
class Attacker:
    """An attacker.

    Attributes:
        name: as reports call it.
        defended: whether the model that is attacked carries the defence.
        adaptive: whether the attacker knows the defence: takes back what can be taken back, and lets the logits of the
            shadow models pass through the same defence before any attack is fitted on them.
        queries: how many are asked for each row.
        near_duplicates: how far from the row they are asked, in standard deviations of the inputs; None for the row.
        labels_only: whether only attacks on labels make sense, for shadow models were not asked the like.
    """

    name: str
    defended: bool
    adaptive: bool
    queries: int
    near_duplicates: float | None = None
    labels_only: bool = False


def attackers_of(seen: Observations, *, defended: bool) -> Iterator[tuple[Attacker, Answers]]:
    """List the attackers of a model, each with the answers that it got."""
    if defended:
        yield Attacker("naive", True, False, 1), seen.repeated[1]
        for count, answers in seen.repeated.items():
            yield Attacker(f"adaptive, {_counted(count)}", True, True, count), answers
        # The neighbours whose labels are looked at give scores as well, for no further query.
        shaken = {} if seen.shaken is None else {LABEL_DELTA: seen.shaken}
        for delta, answers in {**seen.moved, **shaken}.items():
            name = f"adaptive, {answers.count} near-duplicates at {delta:g}"
            yield Attacker(name, True, True, answers.count, delta), answers
    else:
        yield Attacker("without the defence", False, False, 1), seen.repeated[1]
    model = "" if defended else ", without the defence"
    if seen.shaken is not None:
        name = f"labels of {seen.shaken.count} neighbours at {LABEL_DELTA:g}{model}"
        yield Attacker(name, defended, False, seen.shaken.count, LABEL_DELTA, labels_only=True), seen.shaken
    if seen.transformed is not None:
        name = f"labels of {seen.transformed.count} transformed images{model}"
        yield Attacker(name, defended, False, seen.transformed.count, labels_only=True), seen.transformed


def _counted(count: int) -> str:
    return "1 answer" if count == 1 else f"{count} answers averaged"
