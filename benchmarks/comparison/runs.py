"""Train, export and attack the cases of a comparison; what is there already is used as it is."""

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from benchmarks.comparison.cases import Comparison, Head, Training
from benchmarks.comparison.remembered_logits import remembering
from benchmarks.comparison.split_check import require_same_answers
from benchmarks.printed_progress import Printed
from dynanoise_export.attacks.attacking_model import attack
from dynanoise_export.defences.base import Defence
from dynanoise_export.defences.catalogue import make_defence
from dynanoise_export.exporting import export
from dynanoise_export.fitting import fit_defence
from dynanoise_export.guarding import fit_guard
from dynanoise_export.reports.attack_document import attack_document
from dynanoise_export.reports.documents import write_document
from dynanoise_export.reports.html.attack_page import write_html
from dynanoise_models.shadows.make_shadows import make_shadows
from dynanoise_models.train_target import train_target

CHECKPOINT, SHADOWS, BUNDLE, LOGITS = "target.pt", "shadows", "bundle", "logits"
# The file itself, with the target's own folder of answers and its report beside it.
FILE, ANSWERS, REPORT, PAGE, KEY = "{}.onnx", "{}.responses", "{}.json", "{}.html", "{}.key"


def train(comparison: Comparison, training: Training, work: Path) -> None:
    """Train a target and its shadow models."""
    folder, bundle = work / training.name, work / BUNDLE
    folder.mkdir(parents=True, exist_ok=True)
    options = training.options(comparison.rows)
    if not (folder / CHECKPOINT).exists():
        print(f"{comparison.target}, {training.name}", flush=True)
        train_target(comparison.target, folder / CHECKPOINT, bundle, options=options, progress=Printed())
    make_shadows(
        comparison.target, folder / SHADOWS, training.shadows or comparison.shadows, bundle=bundle, options=options,
        warn=print, progress=Printed(),
    )  # fmt: skip


def attack_case(comparison: Comparison, training: Training, head: Head, work: Path, provider: str = "cpu") -> None:
    """Export a case and attack its file, unless its report is there."""
    folder = work / training.name
    report = folder / REPORT.format(head.name)
    if report.exists():
        return
    file = folder / FILE.format(head.name)
    print(f"{comparison.target}, {training.name}, {head.name}", flush=True)
    if not file.exists():
        key = folder / KEY.format(head.name) if head.noise == "keyed" else None
        guard = (
            None
            if head.guard is None
            else fit_guard(folder / CHECKPOINT, head.guard, data=work / BUNDLE, parameters=head.guard_parameters)
        )
        defence = _defence(head, folder, work / BUNDLE)
        export(folder / CHECKPOINT, file, defence=defence, noise=head.noise, key_file=key, guard=guard)
    if comparison.remember:
        require_same_answers(file, work / BUNDLE)
    with remembering(work / LOGITS) if comparison.remember else nullcontext():
        attacked = attack(
            file, work / BUNDLE, shadows=folder / SHADOWS, reference=folder / CHECKPOINT, budget=comparison.budget,
            sample=comparison.sample, cache=folder / ANSWERS.format(head.name), provider=provider,
            progress=Printed(),
        )  # fmt: skip
    write_html(attacked, folder / PAGE.format(head.name))
    write_document(attack_document(attacked), report)


def report_of(training: str, head: str, work: Path) -> dict[str, Any] | None:
    """Read the report of a case; None if it is not attacked yet."""
    path = work / training / REPORT.format(head)
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _defence(head: Head, folder: Path, bundle: Path) -> Defence:
    if not head.fitted:
        return make_defence(head.defence, head.parameters, keep_label=head.keep_label)
    return fit_defence(
        folder / CHECKPOINT, head.defence, parameters=head.parameters, data=bundle,
        shadows=folder / SHADOWS if head.shadows else None, keep_label=head.keep_label,
    )  # fmt: skip
