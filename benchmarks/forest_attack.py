"""What attacks get from a forest that answers with exact zeros, and what the floor and the noise change about it.

    python benchmarks/forest_attack.py --work DIR

ExtraTrees on scikit-learn's digits, 100 trees, 900 rows, a fifth of the labels wrong, so that it overfits: its members
get one-hot answers. It is exported by skl2onnx, which has to be installed, and attacked by `dynanoise-export attack`
with 32 shadow forests, once for each setting of the defence.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier

from dynanoise_export import ShadowStore
from dynanoise_export.bundles import Part, save_bundle
from dynanoise_models.shadows.halves import halves

COLUMNS = ("", "answers as without", "accuracy lost", "undefended", "one query", "strongest", "its TPR at 1% FPR")
MEMBERS, CLASSES, TREES, SHADOWS, WRONG = 900, 10, 100, 32, 0.2
SAME = 1e-6


@dataclass(frozen=True)
class Setting:
    """Options of `export`."""

    name: str
    floor: float
    options: tuple[str, ...] = ()


STRONG = ("--sigma0", "4", "--temperature", "6", "--noise", "keyed", "--keep-label")
SETTINGS = (
    Setting("defaults, floor 1e-3", 1e-3),
    Setting("defaults, floor 1e-5", 1e-5),
    Setting("defaults, floor 2e-2", 2e-2),
    Setting("keyed, kept labels, σ₀ 4, T 6, floor 1e-3", 1e-3, STRONG),
    Setting("keyed, kept labels, σ₀ 4, T 6, floor 2e-2", 2e-2, STRONG),
)


def main() -> None:
    """Make the files that are missing, and print a row for each setting."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True)
    folder = parser.parse_args().work
    folder.mkdir(parents=True, exist_ok=True)
    x, y = rows()
    plain, bundle = folder / "extra_trees.onnx", folder / "rows.npz"
    if not plain.exists():
        save(forest(x[:MEMBERS], y[:MEMBERS], 0), x, plain)
        split = np.where(np.arange(len(x)) < MEMBERS, Part.MEMBER, Part.NON_MEMBER)
        save_bundle(bundle, {"X": x}, y, split)
    answers = shadow_answers(x, y)
    print(f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}", sep="\n")
    for setting in SETTINGS:
        print(row(setting, plain, bundle, answers, folder), flush=True)


def rows() -> tuple[np.ndarray, np.ndarray]:
    """Give the digits in random order, a fifth of them with a label at random."""
    x, y = load_digits(return_X_y=True)
    generator = np.random.default_rng(1)
    order = generator.permutation(len(x))
    wrong = generator.random(len(x)) < WRONG
    return x[order].astype(np.float32), np.where(wrong, generator.integers(0, CLASSES, len(y)), y[order])


def forest(x: np.ndarray, y: np.ndarray, seed: int) -> ExtraTreesClassifier:
    """Train a forest."""
    return ExtraTreesClassifier(TREES, random_state=seed).fit(x, y)


def save(model: ExtraTreesClassifier, x: np.ndarray, path: Path) -> None:
    """Write a forest as ONNX."""
    from skl2onnx import to_onnx

    onnx.save(to_onnx(model, x[:1]), path)


def shadow_answers(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Train shadow forests on halves of the rows, and give their probabilities [m, n, k]."""
    kept = halves(len(x), SHADOWS, 0)
    return np.stack([forest(x[own], y[own], seed).predict_proba(x) for seed, own in enumerate(kept, 1)])


def store(answers: np.ndarray, floor: float, bundle: Path, path: Path) -> None:
    """Write the shadow forests' answers as logits, from the same floor as the target's."""
    logits = np.log(np.maximum(answers, floor)).astype(np.float32)
    ShadowStore.write(path, bundle=bundle, logits=logits, kept=halves(answers.shape[1], SHADOWS, 0))


def row(setting: Setting, plain: Path, bundle: Path, answers: np.ndarray, folder: Path) -> str:
    """Export, attack, and write a row of a table."""
    own = folder / "".join(letter if letter.isalnum() else "-" for letter in setting.name)
    own.mkdir(exist_ok=True)
    defended, shadows, report = own / "defended.onnx", own / "shadows", own / "report.json"
    if not report.exists():
        program("export", plain, "-o", defended, "--floor", f"{setting.floor:g}", *setting.options)
        store(answers, setting.floor, bundle, shadows)
        program(
            "attack", defended, "--data", bundle, "--shadows", shadows, "--reference", plain, "--json", report,
            "--queries", "1", "--queries", "16",
        )  # fmt: skip
    found = json.loads(report.read_text(encoding="utf-8"))
    once = max(one["auc"] for one in found["attacks"] if one["queries"] == 1)
    without = max(one["auc"] for one in found["without"])
    worst = max(found["attacks"], key=lambda one: one["auc"])
    name = f"{worst['name']}, {worst['attacker']}"
    lost, same = found["utility"]["accuracy_lost"], unchanged(plain, defended, bundle)
    figures = (
        f"{lost:.3f} | {without:.3f} | {once:.3f} | {worst['auc']:.3f} ({name}) | {worst['tpr_at_fpr']['0.01']:.2f}"
    )
    return f"| {setting.name} | {same} | {figures} |"


def program(*arguments: object) -> None:
    """Run dynanoise-export."""
    command = [sys.executable, "-m", "dynanoise_export", *map(str, arguments)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def unchanged(plain: Path, defended: Path, bundle: Path) -> int:
    """Count the answers of a defended file that equal the undefended ones."""
    x = np.load(bundle)["x"]
    cpu = ["CPUExecutionProvider"]
    maps = onnxruntime.InferenceSession(str(plain), providers=cpu).run(["output_probability"], {"X": x})[0]
    before = np.array([[one[label] for label in range(CLASSES)] for one in maps])
    after = onnxruntime.InferenceSession(str(defended), providers=cpu).run(["probabilities"], {"X": x})[0]
    return int((np.abs(after - before).max(axis=1) < SAME).sum())


if __name__ == "__main__":
    main()
