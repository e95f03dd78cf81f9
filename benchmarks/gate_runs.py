"""Whether a gate flips from run to run: five runs of one file, against the limit that its own first run would set.

    python benchmarks/gate_runs.py --work DIR

The digits target of dynanoise-models with eight shadow models, with the paper's noise and with larger noise. Each run
is a process of its own, without a cache, so that its answers are fresh. The limit is the upper end of the strongest
attack in a first run: no limit is harder to judge.
"""

import argparse
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

from dynanoise_models.experiments import ExperimentOptions
from dynanoise_models.shadows.make_shadows import make_shadows
from dynanoise_models.train_target import train_target

TARGET, ROWS, SHADOWS, RUNS = "digits-mlp", 1000, 8, 5
SIGMAS = {"σ₀² = 0.3": math.sqrt(0.3), "σ₀ = 2": 2.0}
QUERIES = ("--queries", 1, "--queries", 16)


def main() -> None:
    """Make the files that are missing, and print a row for each noise."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True)
    folder = parser.parse_args().work
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint, bundle, shadows = folder / "digits.pt", folder / "rows.npz", folder / "shadows"
    options = ExperimentOptions(rows=ROWS)
    if not checkpoint.exists():
        train_target(TARGET, checkpoint, bundle, options=options)
    make_shadows(TARGET, shadows, SHADOWS, bundle=bundle, options=options)
    print("| noise | limit | upper ends | above the limit | margin | verdicts |")
    print("|---|---|---|---|---|---|")
    for name, sigma0 in SIGMAS.items():
        defended = folder / f"{sigma0:.3f}.onnx"
        program(checkpoint, "--sigma0", sigma0, "-o", defended)
        limit = gate(defended, bundle, shadows, 1.0)["high"]
        print(row(name, limit, [gate(defended, bundle, shadows, limit) for _ in range(RUNS)]), flush=True)


def gate(defended: Path, bundle: Path, shadows: Path, limit: float) -> dict[str, Any]:
    """Attack the file once, and give the judged gate."""
    arguments = ("--data", bundle, "--shadows", shadows, *QUERIES, "--max-auc", limit, "--json", "-")
    judged: dict[str, Any] = json.loads(program("attack", defended, *arguments))["gates"][0]
    return judged


def row(name: str, limit: float, gates: list[dict[str, Any]]) -> str:
    """Write a row of the table."""
    ends, margins = [one["high"] for one in gates], [one["margin"] for one in gates]
    above = sum(end > limit for end in ends)
    verdicts = [one["outcome"] for one in gates]
    counted = ", ".join(f"{verdicts.count(word)} × {word}" for word in sorted(set(verdicts)))
    return (
        f"| {name} | {limit:.4f} | {min(ends):.4f} to {max(ends):.4f} | {above} of {RUNS} | "
        f"{min(margins):.4f} to {max(margins):.4f} | {counted} |"
    )


def program(*arguments: object) -> str:
    """Run dynanoise-export without a cache, and give what it prints; a gate that fails is no error here."""
    command = [sys.executable, "-m", "dynanoise_export", *map(str, arguments)]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    if ended.returncode not in (0, 4):
        raise SystemExit(ended.stderr)
    return ended.stdout


if __name__ == "__main__":
    main()
