"""The results on the rows themselves as a grid, with a row for each attack and a column for each attacker."""

from collections.abc import Sequence
from dataclasses import dataclass

from dynanoise_export.attacks.attack_report import AttackReport
from dynanoise_export.attacks.attackers import Attacker
from dynanoise_export.attacks.results import Result

ONE_ANSWER = "1 answer"


@dataclass(frozen=True)
class Column:
    """A column: an attacker of the model, or of the undefended model.

    Attributes:
        group: the heading above it and its neighbours of the same kind.
        name: the heading above it alone.
        short: its heading if there is little room.
        of_model: whether the attacker attacks the model; if not, it attacks the undefended one.
        attacker: the attacker.
    """

    group: str
    name: str
    short: str
    of_model: bool
    attacker: Attacker


@dataclass(frozen=True)
class Grid:
    """The grid.

    Attributes:
        columns: the attackers.
        rows: by name, a result for each column, or None if the attack was not run.
    """

    columns: list[Column]
    rows: dict[str, list[Result | None]]


@dataclass(frozen=True)
class ModelNames:
    """What a report calls the attacked model and the one that it is compared with.

    Attributes:
        model: the attacked model.
        reference: the model that it is compared with.
        reference_short: the same if there is little room.
    """

    model: str
    reference: str
    reference_short: str


def grid(report: AttackReport) -> Grid:
    """Arrange the results of the attackers who send the rows themselves."""
    own = [(True, result) for result in report.results if not result.attacker.plan]
    everything = [*((False, result) for result in report.without), *own]
    names = model_names(report)
    places = list(dict.fromkeys((of_model, result.attacker) for of_model, result in everything))
    rows: dict[str, list[Result | None]] = {}
    for of_model, result in everything:
        row = rows.setdefault(result.attack.name, [None] * len(places))
        row[places.index((of_model, result.attacker))] = result
    return Grid([_column(of_model, attacker, names) for of_model, attacker in places], rows)


def midput_rows(report: AttackReport, columns: Sequence[Column]) -> dict[str, list[float | None]]:
    """Arrange MIDPUT under the same columns, a row for each version; None for an attacker who has none."""
    by_attacker = {tradeoff.attacker: tradeoff for tradeoff in report.tradeoffs}
    own = [by_attacker.get(column.attacker) if column.of_model else None for column in columns]
    return {
        "MIDPUT, first version": [one.first if one else None for one in own],
        "MIDPUT, second version": [one.second if one else None for one in own],
        "MIDPUT of |acc. - 0.5|": [one.from_half if one else None for one in own],
    }


def model_names(report: AttackReport) -> ModelNames:
    """Name the attacked model and the one that it is compared with."""
    if report.defence is None:
        return ModelNames("This model", "The reference", "reference")
    return ModelNames("With the defence", "Without the defence", "without")


def attacker_name(attacker: Attacker, defended: bool) -> str:
    """Name an attacker; "without the defence" is left out if the attacked model has no defence anyway."""
    return attacker.name if defended or attacker.plan else ONE_ANSWER


def _column(of_model: bool, attacker: Attacker, names: ModelNames) -> Column:
    if attacker.adaptive:
        return Column("Adaptive, answers averaged", str(attacker.queries), f"×{attacker.queries}", of_model, attacker)
    if attacker.defended:
        return Column("Naive", ONE_ANSWER, "naive", of_model, attacker)
    group, short = (names.model, "model") if of_model else (names.reference, names.reference_short)
    return Column(group, ONE_ANSWER, short, of_model, attacker)
