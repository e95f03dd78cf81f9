"""The verdict on gates, in words: passed or failed, how near it was, and against whom."""

from dynanoise_export.attacks.attack_report import AttackReport
from dynanoise_export.attacks.gates import GateOutcome, JudgedGate
from dynanoise_export.reports.attack_wording import queries_text, scope, who

WORDS = {
    GateOutcome.HELD: "PASSED",
    GateOutcome.EXCEEDED: "FAILED",
    GateOutcome.TOO_NEAR: "FAILED",
}
# More skipped attacks than that are counted; the report lists them further down.
NAMED = 3


def gate_sentence(judged: JudgedGate, report: AttackReport) -> str:
    """Say what becomes of a gate, for which attackers, and how near it was, without a full stop."""
    gate = f"{judged.gate}, for {scope(report)}"
    attack = who(judged.result, report.defence is not None)
    side = "below" if judged.distance >= 0 else "above"
    near = f"{abs(judged.distance):.4f} {side} the limit"
    varies = f"another run may differ by {judged.margin:.4f}" if judged.margin else "another run gives the same"
    if judged.outcome is GateOutcome.TOO_NEAR:
        return f"{gate}: {attack} may reach {judged.high:.4f}, {near}. This is too near to call, for {varies}"
    reaches = "may reach" if judged.outcome is GateOutcome.EXCEEDED else "reaches at most"
    return f"{gate}: {attack} {reaches} {judged.high:.4f}, {near}; {varies}"


def against_whom(report: AttackReport) -> str:
    """Say against which attackers a report judges, in a few short sentences."""
    attacks = len({result.attack.code for result in report.results})
    attackers = len({result.attacker for result in report.results})
    shadows = "no shadow models" if report.store is None else _counted(len(report.store.kept), "shadow model")
    worst = report.worst
    return (
        f"Judged against {_counted(attacks, 'attack')} by {_counted(attackers, 'attacker')}, with {shadows} and "
        f"{scope(report)}. The strongest is {who(worst, report.defence is not None)}, with "
        f"{queries_text(worst.attacker.queries)}. {_skipped(report)}."
    )


def _skipped(report: AttackReport) -> str:
    names = sorted(one.attack.name for one in report.skipped)
    if len(names) > NAMED:
        return f"{len(names)} attacks were skipped"
    return f"Skipped: {'; '.join(names)}" if names else "No attack was skipped"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
