"""Label border: how far a row is from the border of its label, from labels alone.

Source: Choquette-Choo et al. 2021, Li and Zhang 2021. New here: shadow models choose the direction and say where the
border is likely to be, so that a few labels are enough; and the distance is compared with that of shadow models.
"""

from dynanoise_export.attacks.queries.directions import straight_walks
from dynanoise_export.attacks.queries.query_plan import PlanContext, PreparedPlan, QueryPlan
from dynanoise_export.attacks.queries.walks import Walk, border_plan, calibrated, expecting, once

COUNTS = (3, 5, 7, 13)
# The direction is chosen by what this many labels tell.
COMPARED = 7
LINE = "label border"


def prepare(context: PlanContext) -> list[PreparedPlan]:
    """Choose a direction inside the box."""
    counts = tuple(count for count in COUNTS if count <= context.budget)
    walk = best_walk(context) if counts else None
    return [] if walk is None else [border_plan(walk, counts, LINE, "label border")]


@once
def best_walk(context: PlanContext) -> Walk | None:
    """Choose the direction that tells members best, by shadow models that play the target; None if there is none."""
    walks = [calibrated(walk, context) for walk in straight_walks(context) if context.allows(walk.domain)]
    if not walks:
        return None
    panel = context.panel
    if panel is None:
        return walks[0]
    best = max(walks, key=lambda walk: float(panel.strength(border_plan(walk, (COMPARED,), LINE, ""))[0]))
    return expecting(best, context)


LABEL_BORDER = QueryPlan(
    "label-border",
    "distance to the label's border",
    "Choquette-Choo et al. 2021; Li and Zhang 2021; direction by shadow models",
    prepare,
)
