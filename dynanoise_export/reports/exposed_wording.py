"""The rows that are most at risk, and what shadow models might add, in words."""

from collections.abc import Iterator

from dynanoise_export.attacks.attack_report import AttackReport
from dynanoise_export.attacks.exposed_rows import Chosen, ExposedRows
from dynanoise_export.intervals import Interval


def risk_sentences(report: AttackReport) -> Iterator[str]:
    """Say what the strongest attack gets on the rows most at risk, and what shadow models might add if there are none.

    The figures of an attack are an average over all rows, which understates the worst case.
    """
    if report.exposed is not None:
        yield _exposed_sentence(report.exposed)
    if report.estimates:
        parts = [f"{one.tpr.value:.2f} at {100 * one.fpr:g}% FPR" for one in report.estimates]
        yield (
            f"With shadow models, the TPR might be about {', '.join(parts)}: an estimate, which was too high where it "
            "was compared."
        )


def measured_tprs(exposed: ExposedRows) -> list[tuple[float, Interval]]:
    """List the FPRs that these rows are enough for, each with the TPR."""
    return [(fpr, tpr) for fpr, tpr in exposed.tpr.items() if tpr is not None]


def _exposed_sentence(exposed: ExposedRows) -> str:
    canaries = exposed.chosen is Chosen.CANARIES
    which = "canaries" if canaries else "most exposed rows, which shadow models chose"
    rows = f"the {exposed.members + exposed.non_members:,} {which} ({exposed.members:,} members)"
    tprs = "".join(f", TPR at {100 * fpr:g}% FPR {tpr.value:.4f}" for fpr, tpr in measured_tprs(exposed))
    return f"On {rows}, the strongest attack gets an AUC of {exposed.auc}{tprs}, ε at least {exposed.epsilon:.2f}."
