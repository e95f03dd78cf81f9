"""What the strongest attacker gets for each budget of queries."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dynanoise_export.attacks.attackers import Attacker
from dynanoise_export.attacks.domain import Domain
from dynanoise_export.attacks.results import Result, strongest
from dynanoise_export.errors import UsageError

# The budgets of the curve, in queries for each row, and the default ceiling.
BUDGETS = (1, 4, 16, 64, 256)
DEFAULT_BUDGET = 64
LARGEST_BUDGET = 4096


@dataclass(frozen=True)
class BudgetPoint:
    """The strongest attackers within a budget.

    Attributes:
        budget: the most queries for each row.
        strongest: the result with the largest AUC.
        inside: the same among attackers who stay inside the domain of the rows.
        labels: the same among attackers who look at labels alone: what no defence that keeps labels can hide.
    """

    budget: int
    strongest: Result
    inside: Result
    labels: Result


def budgets_up_to(ceiling: int) -> tuple[int, ...]:
    """List the budgets of a curve that ends at a ceiling."""
    return (*(budget for budget in BUDGETS if budget < ceiling), ceiling)


def budget_curve(results: Sequence[Result], ceiling: int, domain: Domain) -> tuple[BudgetPoint, ...]:
    """Find the strongest attackers for each budget.

    Args:
        results: of all attacks; each of the three kinds of attackers is among those who send one query.
        ceiling: the largest budget.
        domain: the narrowest domain of the rows.
    """

    def best(budget: int, choose: Callable[[Result], bool]) -> Result:
        return strongest([one for one in results if one.attacker.queries <= budget and choose(one)])

    return tuple(
        BudgetPoint(
            budget,
            best(budget, lambda one: True),
            best(budget, lambda one: stays_inside(one.attacker, domain)),
            best(budget, lambda one: one.labels_only),
        )
        for budget in budgets_up_to(ceiling)
    )


def stays_inside(attacker: Attacker, domain: Domain) -> bool:
    """Whether all queries of an attacker are in a domain; the rows themselves are in each."""
    return attacker.domain is None or domain.holds(attacker.domain)


def repeats_within(budget: int, queries: Sequence[int] | None) -> tuple[int, ...]:
    """Choose how often attackers send the rows themselves: the given numbers, or 1, 16, … up to the budget.

    Raises:
        UsageError: a number is larger than the budget, or the budget is no number of queries.
    """
    if not 1 <= budget <= LARGEST_BUDGET:
        raise UsageError(f"--budget {budget} is not between 1 and {LARGEST_BUDGET:,} queries for each row.")
    if queries is None:
        return tuple(one for one in budgets_up_to(budget) if one not in (4,))
    if max(queries) > budget:
        raise UsageError(f"--queries {max(queries)} is more than --budget {budget}: raise the budget.")
    return tuple(queries)
