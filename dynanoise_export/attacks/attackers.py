"""The attackers: what each one sends, and whether it knows the defence."""

from collections.abc import Iterator
from dataclasses import dataclass

from dynanoise_export.attacks.domain import Domain
from dynanoise_export.attacks.responses import ModelResponses, Responses
from dynanoise_export.defences.base import Defence


@dataclass(frozen=True)
class Attacker:
    """An attacker.

    Attributes:
        name: for reports.
        defended: whether the attacked model is defended.
        adaptive: whether the attacker knows the defence: it takes back what can be taken back, and its shadow models
            are behind the same defence before it fits an attack on them.
        queries: the number of queries for each row: the budget that it needs.
        domain: the narrowest domain that holds all its queries; None for the rows themselves, which are in any domain.
        labels_only: whether it looks at the labels of the answers alone.
        plan: the code of its query plan; "" for the rows themselves.
        parts: the names of the readings that a fusion is made of.
    """

    name: str
    defended: bool
    adaptive: bool
    queries: int
    domain: Domain | None = None
    labels_only: bool = False
    plan: str = ""
    parts: tuple[str, ...] = ()


def attackers_of(responses: ModelResponses, defence: Defence | None) -> Iterator[tuple[Attacker, Responses]]:
    """List the attackers who send the rows themselves, each with the responses that it works on.

    Args:
        responses: all responses of the model.
        defence: of the model; None if it is undefended.
    """
    if defence is None:
        yield Attacker("without the defence", False, False, 1), responses.repeated[1]
        return
    yield Attacker("naive", True, False, 1), responses.repeated[1]
    for count, repeated in responses.repeated.items():
        # Where all answers to a row are equal, their mean is the first one.
        if count > 1 and not repeated.spread.any():
            continue
        name = "1 answer" if count == 1 else f"{count} answers averaged"
        yield Attacker(f"adaptive, {name}", True, True, count), repeated
