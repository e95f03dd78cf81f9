"""Valid border: how far a row is from the border of its label when only valid rows may be sent, from labels alone.

Features of 0 and 1 are flipped one by one, tokens are replaced one by one by those of another row, in an order that
shadow models choose. Images are mirrored, shifted, and made brighter and darker, and their labels are counted.

Source: Choquette-Choo et al. 2021. New here: the order, and that distances are compared with those of shadow models.
"""

from collections.abc import Sequence

from dynanoise_export.attacks.domain import Domain
from dynanoise_export.attacks.queries.image_transforms import transform_plan
from dynanoise_export.attacks.queries.query_plan import PlanContext, PreparedPlan, QueryPlan
from dynanoise_export.attacks.queries.valid_walks import flips, replacements
from dynanoise_export.attacks.queries.walks import Walk, best_of, border_plan

COUNTS = (3, 6, 10)
LINE = "valid border"


def prepare(context: PlanContext) -> Sequence[PreparedPlan]:
    """Choose what the domain of the rows has, if the attacker may send it."""
    if not context.allows(context.domain):
        return []
    if context.domain is Domain.IMAGE:
        return transform_plan(context)
    counts = tuple(count for count in COUNTS if count <= context.budget)
    walk = best_of(_walks(context), context) if counts else None
    return [] if walk is None else [border_plan(walk, counts, LINE, "border among valid rows")]


def _walks(context: PlanContext) -> list[Walk]:
    if context.domain is Domain.BINARY:
        return flips(context)
    return replacements(context) if context.domain is Domain.TOKENS else []


VALID_BORDER = QueryPlan("valid-border", "label's border among valid rows", "Choquette-Choo et al. 2021", prepare)
