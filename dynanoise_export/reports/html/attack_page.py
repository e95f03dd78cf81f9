"""The page of an attack report."""

from pathlib import Path
from typing import Any

from dynanoise_export.attacks.attack_report import AttackReport
from dynanoise_export.attacks.gates import GateOutcome
from dynanoise_export.attacks.methods.attack_catalogue import ATTACKS
from dynanoise_export.attacks.part_results import FEWEST
from dynanoise_export.attacks.queries.plan_catalogue import PLANS
from dynanoise_export.attacks.results import FPRS
from dynanoise_export.attacks.tradeoff import FIRST_VERSION, SECOND_VERSION
from dynanoise_export.reports.attack_gates import most_exposed
from dynanoise_export.reports.attack_grid import grid, model_names
from dynanoise_export.reports.attack_readings import best_of_each_reading
from dynanoise_export.reports.attack_wording import INPUTS, domain_of, effort, is_inside, label_floor_sentence
from dynanoise_export.reports.exposed_wording import measured_tprs
from dynanoise_export.reports.gate_wording import against_whom, gate_sentence
from dynanoise_export.reports.html import answer, column_groups, wording
from dynanoise_export.reports.html.decision import Decision, Reason, Tone
from dynanoise_export.reports.html.rendering import require_report, write_page
from dynanoise_export.reports.model_facts import execution_facts, model_facts
from dynanoise_export.reports.usefulness_table import usefulness_rows

TEMPLATE = "attack.html.jinja"
# How many classes or groups the page shows.
SHOWN_PARTS = 20


def write_html(report: AttackReport, path: Path) -> None:
    """Write an attack report as a page that needs no other file.

    Raises:
        UserError: Plotly or Jinja2 is not installed, or the file can't be written.
    """
    require_report()
    write_page(TEMPLATE, _context(report), wording.FILTERS, path)


def _context(report: AttackReport) -> dict[str, Any]:
    """Gather what the template shows."""
    from dynanoise_export.reports.html import curves, scores

    drawn, arranged, catalogue = curves.compared(report), grid(report), dict(ATTACKS.all())
    member = report.audit.member[report.audit.judged]
    return {
        **_effort(report),
        **_privacy_and_utility(report),
        **_parts(report),
        "report": report,
        "decision": decision(report),
        "facts": [*model_facts(report.model, report.defence, report.model.name), *execution_facts(report.model)],
        "defended": report.defence is not None,
        "names": model_names(report),
        "plain": report.without_defence(report.worst),
        "usefulness": list(usefulness_rows(report)),
        "found": answer.members_found(report),
        "bars": answer.strongest(report),
        "drawn": drawn,
        "on_rows": curves.strongest_on_rows(report),
        "roc": curves.roc_figure(drawn, report.audit),
        "panels": [(one, scores.score_figure(one.result, member)) for one in curves.panelled(drawn)],
        "colours": scores.SIDES,
        "grid": arranged,
        "groups": column_groups.groups(arranged),
        "ranked": sorted(report.results, key=lambda result: -result.auc.value),
        "measured": [fpr for fpr, tpr in report.worst.tpr.items() if tpr is not None],
        "unmeasured": [fpr for fpr, tpr in report.worst.tpr.items() if tpr is None],
        "averaged": {
            "first": [catalogue[code].name for code in FIRST_VERSION],
            "second": [catalogue[code].name for code in SECOND_VERSION],
        },
        "catalogue": list(catalogue.values()),
        "plans": [plan for _, plan in PLANS.all()],
        "ran": {result.attack.code for result in report.results},
        "ran_plans": {result.attacker.plan for result in report.results},
        "skipped": {skipped.attack.code: skipped.reason for skipped in report.skipped},
    }


def decision(report: AttackReport) -> Decision:
    """Decide by the gates; say against whom, and at what cost."""
    reasons = tuple(
        Reason(judged.outcome is GateOutcome.HELD, f"{gate_sentence(judged, report)}.") for judged in report.gates
    )
    notes = (against_whom(report), _cost(report))
    if report.passed is None:
        return Decision(Tone.NONE, "No verdict: no gate was set", notes=notes)
    if report.passed:
        return Decision(Tone.PASSED, "Passed", reasons, notes)
    return Decision(Tone.FAILED, "Failed: do not release this model as it is", reasons, notes)


def _cost(report: AttackReport) -> str:
    """Say what the defence costs honest clients."""
    accuracy = report.utility.accuracy
    stated = f"The accuracy on non-members is {wording.percent(accuracy.value)} {wording.percent_ends(accuracy)}"
    if report.cost is None or report.defence is None:
        return f"{stated}."
    lost = report.cost.accuracy_lost
    return f"{stated}: the defence costs {wording.points(lost.value)} {wording.points_ends(lost)} points."


def _privacy_and_utility(report: AttackReport) -> dict[str, Any]:
    """Gather the marks of the plane, and its plot; None if there is nothing to compare with."""
    from dynanoise_export.reports.html.plane import attack_spots, plane_figure

    spots = attack_spots(report)
    return {"spots": spots, "plane": plane_figure(spots) if spots else None}


def _effort(report: AttackReport) -> dict[str, Any]:
    """Gather what attackers may send, and what that buys."""
    from dynanoise_export.reports.html.budget_curve import budget_figure, budget_lines

    lines = budget_lines(report)
    readings = best_of_each_reading(report)
    return {
        "effort": effort(report.worst, report),
        "inside": None if is_inside(report.worst, report) else report.curve[-1].inside,
        "label_floor": label_floor_sentence(report),
        "lines": lines,
        "budget_figure": budget_figure(report, lines),
        "readings": [(result, domain_of(result, report)) for result in readings],
        "plan_names": {code: plan.name for code, plan in PLANS.all()},
        "domain_of": lambda result: domain_of(result, report),
        "inputs": INPUTS,
    }


def _parts(report: AttackReport) -> dict[str, Any]:
    """Gather the most exposed members, and the figures of classes and groups."""
    parts = [("class", "classes", report.by_class)]
    if report.by_group is not None:
        parts.insert(0, ("group", "groups", report.by_group))
    shown = [part for _, _, found in parts for part in found.parts]
    return {
        "exposed": most_exposed(report),
        "exposed_tprs": [] if report.exposed is None else measured_tprs(report.exposed),
        "parts": parts,
        "shown": SHOWN_PARTS,
        "fewest": FEWEST,
        "measured_by_part": [fpr for fpr in FPRS if any(part.tpr[fpr] is not None for part in shown)],
    }
