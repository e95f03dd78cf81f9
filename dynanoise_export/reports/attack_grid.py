"""Results as a grid, a row for each attack and a column for each attacker, for whoever shows one."""

from dataclasses import dataclass

from dynanoise_export.attacks.attackers import Attacker
from dynanoise_export.attacks.attacking_model import AttackReport
from dynanoise_export.attacks.results import Result

ONE_ANSWER = "1 answer"


@dataclass(frozen=True)
class Column:
    """A column: an attacker, of the model or of the one that it is compared with.

    Attributes:
        group: what stands above it and its like.
        name: what stands above it alone.
        short: what stands above it where there is little room.
        attacked: whether it is of the model.
        attacker: whose attacks.
    """

    group: str
    name: str
    short: str
    attacked: bool
    attacker: Attacker


@dataclass(frozen=True)
class Grid:
    """The grid.

    Attributes:
        columns: the attackers.
        rows: by name, a result for each column, or None where the attack was not made.
    """

    columns: list[Column]
    rows: dict[str, list[Result | None]]


def grid(report: AttackReport) -> Grid:
    """Arrange all results.

    Attackers who see labels alone, of queries near the row, have no columns, for they make one attack: it stands in a
    row of its own, under the first attacker of the same model.
    """
    everybody = [*((False, result) for result in report.without), *((True, result) for result in report.results)]
    asked = dict.fromkeys((mine, result.attacker) for mine, result in everybody if not result.attacker.labels_only)
    columns = [_column(mine, attacker, sides(report)) for mine, attacker in asked]
    rows: dict[str, list[Result | None]] = {}
    for mine, result in everybody:
        name, place = _place(mine, result, columns)
        rows.setdefault(name, [None] * len(columns))[place] = result
    return Grid(columns, rows)


def midput_rows(report: AttackReport, columns: list[Column]) -> dict[str, list[float | None]]:
    """Arrange MIDPUT under the same columns, a row for each version; None where an attacker has none."""
    told = {tradeoff.attacker: tradeoff for tradeoff in report.tradeoffs}
    own = [told.get(column.attacker) if column.attacked else None for column in columns]
    return {
        "MIDPUT, first version": [None if one is None else one.first for one in own],
        "MIDPUT, second version": [None if one is None else one.second for one in own],
        "MIDPUT of |acc. - 0.5|": [None if one is None else one.from_half for one in own],
    }


def sides(report: AttackReport) -> dict[str, str]:
    """Name the model that was attacked and what it is compared with."""
    if report.attacked.head is None:
        return {"attacked": "This model", "compared": "The reference"}
    return {"attacked": "With the defence", "compared": "Without the defence"}


def called(attacker: Attacker, defended: bool) -> str:
    """Name an attacker; where no model is defended, that goes without saying."""
    if defended:
        return attacker.name
    return attacker.name.removesuffix(", without the defence") if attacker.labels_only else ONE_ANSWER


def _column(mine: bool, attacker: Attacker, names: dict[str, str]) -> Column:
    if attacker.near_duplicates is not None:
        delta = f"{attacker.near_duplicates:g}"
        return Column(f"Adaptive, {attacker.queries} near-duplicates at", delta, f"δ{delta[1:]}", mine, attacker)
    if attacker.adaptive:
        return Column("Adaptive, answers averaged", str(attacker.queries), f"×{attacker.queries}", mine, attacker)
    if attacker.defended:
        return Column("Naive", ONE_ANSWER, "naive", mine, attacker)
    group = names["attacked" if mine else "compared"]
    return Column(group, ONE_ANSWER, group.split()[-1 if mine else 0].lower(), mine, attacker)


def _place(mine: bool, result: Result, columns: list[Column]) -> tuple[str, int]:
    if not result.attacker.labels_only:
        places = [(column.attacked, column.attacker) for column in columns]
        return result.attack.name, places.index((mine, result.attacker))
    asked = called(result.attacker, defended=False)  # the column says of which model
    return f"{result.attack.name}, {asked}", [column.attacked for column in columns].index(mine)
