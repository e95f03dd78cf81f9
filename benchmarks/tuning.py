"""Tune the defence for the papers' targets and write the section of docs/results.md; or time the search.

    DYNANOISE_DATA=… python -m benchmarks.tuning --work DIR [TARGET ...]
    python -m benchmarks.tuning --speed

Targets and shadow models that are missing in DIR are made, as benchmarks.defences makes them, and reports that exist
are used as they are, so an interrupted run goes on.
"""

import argparse
import json
import re
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.comparison.cases import NO_DEFENCE
from benchmarks.comparison.remembered_logits import remembering
from benchmarks.comparison.runs import BUNDLE, CHECKPOINT, LOGITS, SHADOWS, train
from benchmarks.comparison.targets import COMPARISONS
from benchmarks.printed_progress import Printed
from dynanoise_export import ShadowStore, tune
from dynanoise_export.bundles import Part, save_bundle
from dynanoise_export.reports.documents import write_document
from dynanoise_export.reports.html.tune_page import write_tune_html
from dynanoise_export.reports.tune_document import tune_document

DOCUMENT = Path(__file__).parents[1] / "docs" / "results.md"
BEGIN, END = "<!-- tuning: made by benchmarks/tuning.py -->", "<!-- end of the tuning -->"
TRIALS = 300


@dataclass(frozen=True)
class Effort:
    """How much of a target's time goes into attacks in full.

    Attributes:
        finalists: how many settings are attacked in full before one is chosen.
        sample: how many rows of a half are judged; None for all.
    """

    finalists: int = 2
    sample: int | None = None


TARGETS = {"mlp-location30": Effort(), "alexnet-cifar10": Effort(finalists=1, sample=500)}
REPORT, PAGE, WORK = "tuned.json", "tuned.html", "tuned"


def main() -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", default=list(TARGETS), metavar="TARGET")
    parser.add_argument("--work", type=Path)
    parser.add_argument("--speed", action="store_true", help="time 500 trials on made-up logits")
    arguments = parser.parse_args()
    if arguments.speed:
        speed()
        return
    for target in arguments.targets:
        run(target, arguments.work / target)
    write([name for name in TARGETS if (arguments.work / name / REPORT).exists()], arguments.work)


def run(target: str, work: Path) -> None:
    """Tune for a target, unless its report is there."""
    if (work / REPORT).exists():
        return
    comparison, effort = COMPARISONS[target], TARGETS[target]
    train(comparison, comparison.trainings[NO_DEFENCE], work)
    folder = work / NO_DEFENCE
    with remembering(work / LOGITS) if comparison.remember else nullcontext():
        report = tune(
            folder / CHECKPOINT, work / BUNDLE, shadows=folder / SHADOWS, trials=TRIALS,
            finalists=effort.finalists, sample=effort.sample, budget=comparison.budget, work=work / WORK,
            progress=Printed(),
        )  # fmt: skip
    write_tune_html(report, work / PAGE)
    write_document(tune_document(report), work / REPORT)


def write(targets: list[str], work: Path) -> None:
    """Write the section between the two marks of the document."""
    sections = "\n".join(section(name, json.loads((work / name / REPORT).read_text("utf-8"))) for name in targets)
    text = DOCUMENT.read_text(encoding="utf-8")
    pattern = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    DOCUMENT.write_text(pattern.sub(lambda _: f"{BEGIN}\n\n{sections}\n{END}", text), encoding="utf-8")


def section(target: str, document: dict[str, Any]) -> str:
    """Write what was found for a target."""
    rows = [_row(name, document[name]) for name in ("undefended", "default", "recommended") if document[name]]
    head = ["| model | setting | AUC | accuracy | NLL | calibration error | strongest attack |", "|---" * 7 + "|"]
    held_out = document["held_out"]
    return "\n".join([
        f"### `{target}`",
        "",
        f"{document['answer']} {document['trials']} settings were tried; {held_out['members']:,} held-out members and "
        f"{held_out['non_members']:,} held-out non-members were judged; {document['shadow_models']} shadow models; "
        f"{document['budget']} queries a row.",
        "",
        *head,
        *rows,
        "",
        _compared(document),
        "",
    ])  # fmt: skip


def _compared(document: dict[str, Any]) -> str:
    """Say whether the recommended setting is better than the default in everything, or why it is not."""
    default, chosen = document["default"], document["recommended"]
    if chosen is None:
        return "No setting stays within the limit."
    better = {
        "the AUC": chosen["risk"] < default["risk"],
        "accuracy": chosen["accuracy"] >= default["accuracy"],
        "NLL": chosen["negative_log_likelihood"] <= default["negative_log_likelihood"],
    }
    worse = [name for name, is_better in better.items() if not is_better]
    if not worse:
        return "The recommended setting dominates the default one: it is better in AUC, accuracy and NLL."
    front = [trial["risk"] for trial in document["front"]]
    return (
        f"The recommended setting does not dominate the default one, which is better in {' and '.join(worse)}. Against "
        f"who sends the rows themselves the settings of the front differ: from {min(front):.3f} to {max(front):.3f} in "
        "the cheap attacks of the search. For who chooses his queries the setting matters less: the borders of the "
        "labels stay where they are whatever the noise is, and where an amplified query raises the logits, the noise "
        "does not grow with them."
    )


def _row(name: str, final: dict[str, Any]) -> str:
    setting = final["setting"]
    low, high = final["risk_ci"]
    figures = (final["accuracy"], final["negative_log_likelihood"], final["calibration_error"])
    cells = [name, "" if setting is None else _setting(setting), f"{final['risk']:.3f} [{low:.3f}, {high:.3f}]"]
    return f"| {' | '.join([*cells, *(f'{figure:.3f}' for figure in figures), final['attacker']])} |"


def _setting(setting: dict[str, Any]) -> str:
    parts = [f"{name} {value:g}" for name, value in setting["parameters"].items()]
    parts += [f"{setting['noise']} noise"] if setting["noise"] else []
    return ", ".join([*parts, *(["labels kept"] if setting["keep_label"] else [])])


def speed(rows: int = 10_000, classes: int = 10, models: int = 16, trials: int = 500) -> None:
    """Time a search on made-up logits, on all cores."""
    generator = np.random.default_rng(0)
    y = generator.integers(0, classes, rows)
    kept = generator.permuted(np.tile(np.arange(models)[:, None] % 2 == 0, rows), axis=0)
    member = generator.random(rows) < 0.5
    logits = generator.standard_normal((models + 1, rows, classes)).astype(np.float32)
    logits[:, np.arange(rows), y] += generator.normal(1, 2, rows) + 2 * np.vstack([kept, member])
    with TemporaryDirectory() as made:
        folder = Path(made)
        split = np.where(member, Part.MEMBER, Part.NON_MEMBER).astype(np.str_)
        save_bundle(folder / "rows.npz", {"x": logits[-1]}, y, split)
        ShadowStore.write(folder / "shadows", bundle=folder / "rows.npz", logits=logits[:-1], kept=kept)
        np.save(folder / "logits.npy", logits[-1])
        started = time.perf_counter()
        report = tune(folder / "logits.npy", folder / "rows.npz", shadows=folder / "shadows", trials=trials)
        taken = time.perf_counter() - started
    print(f"{len(report.trials)} trials, {rows:,} rows, {classes} classes, {models} shadow models: {taken:.0f} s")


if __name__ == "__main__":
    main()
