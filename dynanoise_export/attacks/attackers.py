"""The attackers: what each one sends, and whether it knows the defence."""

from collections.abc import Iterator
from dataclasses import dataclass

from dynanoise_export.attacks.queries.query_plan import NEIGHBOUR_DISTANCE
from dynanoise_export.attacks.responses import ModelResponses, Responses
from dynanoise_export.defences.base import Defence


@dataclass(frozen=True)
class Attacker:
    """An attacker.

    Attributes:
        name: for reports.
        defended: whether the attacked model is defended.
        adaptive: whether the attacker knows the defence: it takes back what can be taken back, and sends the logits of
            its shadow models through the same defence before it fits an attack on them.
        queries: the number of queries for each row.
        distance: between the row and the queries, in standard deviations of the inputs' values; None if the row itself
            is the query, or a transformed image.
        labels_only: whether only attacks on labels make sense, because no shadow model answered such queries.
    """

    name: str
    defended: bool
    adaptive: bool
    queries: int
    distance: float | None = None
    labels_only: bool = False


def attackers_of(responses: ModelResponses, defence: Defence | None) -> Iterator[tuple[Attacker, Responses]]:
    """List the attackers of a model, each with the responses that it works on.

    Args:
        responses: all responses of the model.
        defence: of the model; None if it is undefended.
    """
    if defence is None:
        yield Attacker("without the defence", False, False, 1), responses.repeated[1]
    else:
        yield from _defence_attackers(responses, defence)
    model = ", without the defence" if defence is None else ""
    if responses.neighbours is not None:
        count = responses.neighbours.count
        name = f"labels of {count} neighbours at {NEIGHBOUR_DISTANCE:g}{model}"
        attacker = Attacker(name, defence is not None, False, count, NEIGHBOUR_DISTANCE, labels_only=True)
        yield attacker, responses.neighbours
    if responses.transformed is not None:
        count = responses.transformed.count
        name = f"labels of {count} transformed images{model}"
        yield Attacker(name, defence is not None, False, count, labels_only=True), responses.transformed


def _defence_attackers(responses: ModelResponses, defence: Defence) -> Iterator[tuple[Attacker, Responses]]:
    """List those who look at the scores of a defended model."""
    yield Attacker("naive", True, False, 1), responses.repeated[1]
    for count, repeated in responses.repeated.items():
        name = "1 answer" if count == 1 else f"{count} answers averaged"
        yield Attacker(f"adaptive, {name}", True, True, count), repeated
    if not defence.takes_noise:  # there is nothing to average
        return
    near = dict(responses.near_duplicates)
    # The neighbours whose labels are counted give scores too, for no further query.
    if responses.neighbours is not None:
        near[NEIGHBOUR_DISTANCE] = responses.neighbours
    for distance, moved in near.items():
        name = f"adaptive, {moved.count} near-duplicates at {distance:g}"
        yield Attacker(name, True, True, moved.count, distance), moved
