"""Label border: how far a row is from the border of its label, from labels alone.

Source: Choquette-Choo et al. 2021, Li and Zhang 2021. New here: shadow models choose the direction and say where the
border is likely to be, so that a few labels are enough; and the distance is compared with that of shadow models.
"""

from dynanoise_export.attacks.queries.directions import straight_walks
from dynanoise_export.attacks.queries.query_plan import PlanContext, PreparedPlan, QueryPlan
from dynanoise_export.attacks.queries.walks import Walk, best_of, border_plan, once

COUNTS = (3, 5, 7, 13)
LINE = "label border"


def prepare(context: PlanContext) -> list[PreparedPlan]:
    """Choose a direction inside the box."""
    counts = tuple(count for count in COUNTS if count <= context.budget)
    walk = best_walk(context) if counts else None
    return [] if walk is None else [border_plan(walk, counts, LINE, "label border")]


@once
def best_walk(context: PlanContext) -> Walk | None:
    """Choose a straight walk that the attacker may take; None if there is none."""
    return best_of([walk for walk in straight_walks(context) if context.allows(walk.domain)], context)


LABEL_BORDER = QueryPlan(
    "label-border",
    "distance to the label's border",
    "Choquette-Choo et al. 2021; Li and Zhang 2021; direction by shadow models",
    prepare,
)
