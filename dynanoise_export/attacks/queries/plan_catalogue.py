"""The query plans by code, in the order of reports."""

from dynanoise_export.attacks.queries.query_plan import QueryPlan
from dynanoise_export.registry import Registry

_QUERIES = "dynanoise_export.attacks.queries"

PLANS: Registry[QueryPlan] = Registry(
    "query plan",
    "dynanoise_export.query_plans",
    {
        "repeats": f"{_QUERIES}.repeats:REPEATS",
        # "near-duplicates": f"{_QUERIES}.near_duplicates:NEAR_DUPLICATES",
        # "amplified": f"{_QUERIES}.amplified:AMPLIFIED",
        # "constant-queries": f"{_QUERIES}.constant_queries:CONSTANT_QUERIES",
        # "label-border": f"{_QUERIES}.label_border:LABEL_BORDER",
        # "valid-border": f"{_QUERIES}.valid_border:VALID_BORDER",
        # "one-cell": f"{_QUERIES}.one_cell:ONE_CELL",
        # "generator-prediction": f"{_QUERIES}.generator_prediction:GENERATOR_PREDICTION",
    },
)
