"""The page of an attack report."""

from pathlib import Path
from typing import Any

from dynanoise_export.attacks.attacking_model import AttackReport
from dynanoise_export.attacks.methods.catalogue import ATTACKS
from dynanoise_export.attacks.tradeoff import FIRST, SECOND
from dynanoise_export.reports.attack_grid import grid, sides
from dynanoise_export.reports.html import answer, column_groups, wording
from dynanoise_export.reports.html.rendering import require_report, write_page

TEMPLATE = "attack.html.jinja"


def write_html(report: AttackReport, path: Path) -> None:
    """Write an attack report as a page that stands alone: its plots are drawn by a script inside it.

    Raises:
        UserError: Plotly or Jinja2 is not installed, or the file can't be written.
    """
    require_report()
    write_page(TEMPLATE, _context(report), wording.FILTERS, path)


def _context(report: AttackReport) -> dict[str, Any]:
    """Gather what the template shows."""
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
        "groups": column_groups.groups(arranged),
        "ranked": sorted(report.results, key=lambda result: -result.auc.value),
        "told": [fpr for fpr, tpr in report.worst.tpr.items() if tpr is not None],
        "untold": [fpr for fpr, tpr in report.worst.tpr.items() if tpr is None],
        "averaged": {"first": FIRST, "second": SECOND},
        "catalogue": ATTACKS,
    }
