"""The page: everything in one file."""

import importlib.util
from pathlib import Path
from typing import Any

from dynanoise_export.attacks.methods.catalogue import ATTACKS
from dynanoise_export.attacks.suite import AttackReport
from dynanoise_export.attacks.tradeoff import FIRST, SECOND
from dynanoise_export.errors import UserError
from dynanoise_export.files import written_whole
from dynanoise_export.graph.provenance import tool_versions
from dynanoise_export.reports.attack_grid import grid, sides
from dynanoise_export.reports.html import answer, tables, wording

TEMPLATE = "attack.html.jinja"


def require_report() -> None:
    """Check, before long work, that the page can be made.

    Raises:
        UserError: Plotly or Jinja2 is not installed.
    """
    if any(importlib.util.find_spec(package) is None for package in ("jinja2", "plotly")):
        raise UserError("The HTML report needs Plotly and Jinja2: pip install 'dynanoise-export[report]'.")


def write_html(report: AttackReport, path: Path) -> None:
    """Write an attack report as a page that stands alone: its plots are drawn by a script inside it.

    Raises:
        UserError: Plotly or Jinja2 is not installed, or the file can't be written.
    """
    require_report()
    page = _rendered(_context(report))
    with written_whole(path) as staged:
        staged.write_text(page, encoding="utf-8")


def _context(report: AttackReport) -> dict[str, Any]:
    """Gather what the template shows."""
    from plotly.offline import get_plotlyjs

    from dynanoise_export.reports.html import curves, scores

    drawn, arranged = curves.compared(report), grid(report)
    member = report.audit.member[report.audit.judged]
    return {
        "report": report,
        "defended": report.attacked.head is not None,
        "sides": sides(report),
        "plain": report.plain_of(report.worst),
        "found": answer.most_found(report),
        "bars": answer.strongest(report),
        "drawn": drawn,
        "roc": curves.roc_figure(drawn, report.audit),
        "panels": [(shown, scores.score_figure(shown.result, member)) for shown in curves.panelled(drawn)],
        "colours": scores.SIDES,
        "grid": arranged,
        "groups": tables.groups(arranged),
        "ranked": sorted(report.results, key=lambda result: -result.auc.value),
        "told": [fpr for fpr, tpr in report.worst.tpr.items() if tpr is not None],
        "untold": [fpr for fpr, tpr in report.worst.tpr.items() if tpr is None],
        "averaged": {"first": FIRST, "second": SECOND},
        "catalogue": ATTACKS,
        "versions": tool_versions(),
        "plotly": get_plotlyjs(),
    }


def _rendered(context: dict[str, Any]) -> str:
    import jinja2

    environment = jinja2.Environment(
        # Names of files and of targets come from elsewhere.
        autoescape=True,
        loader=jinja2.PackageLoader("dynanoise_export.reports.html", "."),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= wording.FILTERS
    return environment.get_template(TEMPLATE).render(context)
