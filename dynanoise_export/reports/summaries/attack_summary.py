"""The summary of an attack report."""

from collections.abc import Iterator

from dynanoise_export.attacks.attack_report import AttackReport
from dynanoise_export.attacks.audit_warnings import WarningCode
from dynanoise_export.attacks.domain import Domain
from dynanoise_export.attacks.results import FPRS
from dynanoise_export.reports.attack_wording import INPUTS, effort, is_inside, label_floor_sentence, who, within
from dynanoise_export.reports.gate_wording import WORDS, against_whom, gate_sentence
from dynanoise_export.reports.model_facts import Fact, model_facts
from dynanoise_export.reports.summaries.summary import (
    Figure,
    JudgedRows,
    Summary,
    model_properties,
    verdict_word,
)

# What a model is for, by the domain of its rows, as model hubs name it.
_TASKS = {Domain.IMAGE: "image-classification", Domain.TOKENS: "text-classification"}
# These are about this machine alone.
_LOCAL = {WarningCode.ANSWERS_FROM_CACHE, WarningCode.CACHE_NOT_SIGNED, WarningCode.CACHE_WITHOUT_KEY}


def attack_summary(report: AttackReport) -> Summary:
    """Summarise what attacks achieved."""
    model, audit, defence = report.model, report.audit, report.defence
    name = model.short_name
    return Summary(
        command="attack",
        title="Membership-inference audit",
        path=model.name,
        sha256=model.sha256,
        name=name,
        verdict=verdict_word(report.passed),
        sentences=tuple(_sentences(report)),
        figures=tuple(_figures(report)),
        assumed=tuple(_assumed(report)),
        limits=tuple(_without_paths(one.text, report) for one in report.warnings if one.code not in _LOCAL),
        facts=tuple(model_facts(model, defence, name)),
        rows=JudgedRows(audit.path.name, audit.sha256, _TASKS.get(report.domain, "other")),
        properties={
            **model_properties(model, defence),
            **_properties(report),
        },
    )


def _sentences(report: AttackReport) -> Iterator[str]:
    defended, worst = report.defence is not None, report.worst
    for judged in report.gates:
        yield f"{WORDS[judged.outcome]}: {gate_sentence(judged, report)}."
    if not report.gates:
        yield "No gate was set, so this is no verdict."
    yield against_whom(report)
    yield f"The strongest attack is {who(worst, defended)}, {effort(worst, report)}."
    yield label_floor_sentence(report)


def _figures(report: AttackReport) -> Iterator[Figure]:
    worst, defended, final = report.worst, report.defence is not None, report.curve[-1]
    yield Figure("auc", "AUC of the strongest attack", worst.auc, who(worst, defended))
    if not is_inside(worst, report):
        inside = f"AUC inside the domain {report.domain}"
        yield Figure("auc-inside-domain", inside, final.inside.auc, who(final.inside, defended))
    yield Figure("auc-labels-alone", "AUC of labels alone", final.labels.auc, who(final.labels, defended))
    for point in report.curve[:-1]:
        code, name = f"auc-budget-{point.budget}", f"AUC with {within(point.budget)}"
        yield Figure(code, name, point.strongest.auc, who(point.strongest, defended))
    for fpr in FPRS:
        result = report.largest_tpr(fpr)
        if result is not None and (tpr := result.tpr[fpr]) is not None:
            yield Figure(f"tpr-at-fpr-{fpr:g}", f"TPR at {100 * fpr:g}% FPR", tpr, who(result, defended))
    plain = report.without_defence(worst)
    if plain is not None and defended:
        name = "AUC without the defence" + (", with one answer" if worst.attacker.plan else "")
        yield Figure("auc-without-defence", name, plain.auc, plain.attack.name)
    yield Figure("accuracy", "accuracy on non-members", report.utility.accuracy, "the model")
    if report.cost is not None and defended:
        yield Figure("accuracy-lost", "accuracy that the defence costs", report.cost.accuracy_lost, "the model")


def _assumed(report: AttackReport) -> Iterator[Fact]:
    audit, store = report.audit, report.store
    yield Fact("Attacker", "sees answers alone; knows the labels, the defence and its parameters; chooses the queries")
    yield Fact("Budget", within(report.budget))
    yield Fact("Domain", f"{report.allowed} ({INPUTS[report.allowed]}); the rows are in {report.domain}")
    yield Fact("Shadow models", "none" if store is None else f"{len(store.kept)}, of which {report.asked} were asked")
    yield Fact("Rows", f"{audit.members:,} members and {audit.non_members:,} non-members")
    if audit.sampled is not None:
        yield Fact("Sample", f"{len(audit.sampled):,} rows, chosen at random")
    yield Fact("Bundle", audit.path.name, code=True)
    yield Fact("SHA-256 of the bundle", audit.sha256, code=True)
    yield Fact("Skipped attacks", "; ".join(sorted(one.attack.name for one in report.skipped)) or "none")


def _properties(report: AttackReport) -> dict[str, str]:
    worst, audit = report.worst, report.audit
    return {
        "audit:verdict": verdict_word(report.passed).lower(),
        "audit:attack": worst.attack.code,
        "audit:attacker": worst.attacker.name,
        "audit:queries": str(worst.attacker.queries),
        "audit:budget": str(report.budget),
        "audit:domain": report.allowed.value,
        "audit:domain-of-rows": report.domain.value,
        "audit:shadow-models": str(0 if report.store is None else len(report.store.kept)),
        "audit:members": str(audit.members),
        "audit:non-members": str(audit.non_members),
        "audit:bundle-sha256": audit.sha256,
        **{f"audit:gate:{number}": f"{one.gate}: {one.outcome.value}" for number, one in enumerate(report.gates, 1)},
    }


def _without_paths(text: str, report: AttackReport) -> str:
    """Leave the folders of files out of a sentence."""
    paths = [report.audit.path, *(() if report.store is None else (report.store.path,))]
    for path in paths:
        text = text.replace(str(path), path.name)
    return text.replace(report.model.name, report.model.short_name)
