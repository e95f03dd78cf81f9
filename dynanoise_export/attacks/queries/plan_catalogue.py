"""The query plans by code, in the order of reports."""

from collections.abc import Sequence

from dynanoise_export.attacks.queries.query_plan import QueryPlan
from dynanoise_export.registry import Registry

_QUERIES = "dynanoise_export.attacks.queries"

PLANS: Registry[QueryPlan] = Registry(
    "query plan",
    "dynanoise_export.query_plans",
    {
        "repeats": f"{_QUERIES}.repeats:REPEATS",
        "near-duplicates": f"{_QUERIES}.near_duplicates:NEAR_DUPLICATES",
        "amplified": f"{_QUERIES}.amplified:AMPLIFIED",
        "constant-queries": f"{_QUERIES}.constant_queries:CONSTANT_QUERIES",
        "label-border": f"{_QUERIES}.label_border:LABEL_BORDER",
        "valid-border": f"{_QUERIES}.valid_border:VALID_BORDER",
        "one-cell": f"{_QUERIES}.one_cell:ONE_CELL",
        "generator-prediction": f"{_QUERIES}.generator_prediction:GENERATOR_PREDICTION",
    },
)


def chosen_plans(also: Sequence[str]) -> tuple[QueryPlan, ...]:
    """List the plans that run by default, and those that the user asks for by their codes.

    Raises:
        UsageError: there is no such plan.
    """
    wanted = {PLANS.get(code).code for code in also}
    return tuple(plan for code, plan in PLANS.all() if not plan.opt_in or code in wanted)
