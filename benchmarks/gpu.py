"""What the defence costs on a GPU, and whether it holds there: one script for a machine that is lent for minutes.

    DYNANOISE_DATA=… python -m benchmarks.gpu --work DIR                                # everything, on CUDA
    DYNANOISE_DATA=… python -m benchmarks.gpu --work DIR --provider cpu --target digits-mlp --turns 10   # to try it

It needs onnxruntime-gpu. DIR holds the targets, which are trained if they are missing (ResNet-20 has published weights,
and DistilBERT stays untrained: only its cost is measured). It gets `gpu.json` and `gpu.md`, which are written again
after each part:

- **cost**: the defended file over the same model with a softmax, with and without CUDA graphs. All files take turns;
  inputs and outputs stay on the GPU. A ratio is the median over the turns.
- **nodes**: how many more nodes than that model each file has, after ONNX Runtime's optimisation.
- **graphs**: whether keyed noise in a CUDA graph is what it is outside, and whether random noise is dead there.
- **validate**: `validate` on real rows, with every noise source and with kept labels, seven at once.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import onnx

from benchmarks.markdown import row
from dynanoise_export.benchmarking.calls import MadeUpInputs, openings
from dynanoise_export.benchmarking.figures import median
from dynanoise_export.benchmarking.machine import this_machine
from dynanoise_export.benchmarking.plain_model import plain_model
from dynanoise_export.benchmarking.timing import timed
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.keep_label import keeping_label
from dynanoise_export.deployed.open_deployed import open_deployed
from dynanoise_export.errors import UserError
from dynanoise_export.exporting import export
from dynanoise_export.graph.model_files import read_model, write_model
from dynanoise_export.graph.undefended import undefended
from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimePredictor
from dynanoise_export.runtimes.provider import Execution, Provider
from dynanoise_export.sources.inputs import draw
from dynanoise_export.validation.check import Outcome
from dynanoise_export.validation.validating import validate
from dynanoise_models.checkpoints import save_checkpoint
from dynanoise_models.experiments import ExperimentOptions
from dynanoise_models.protocols import Protocol
from dynanoise_models.targets import TARGETS
from dynanoise_models.train_target import train_target

Record = dict[str, Any]

RESNET = "resnet20-cifar10"
WEIGHTS = "resnet_cifar10/resnet20-12fca82f.th"
ALEXNET, DISTILBERT = "alexnet-cifar10", "distilbert-sst2"
MEASURED = ("digits-mlp", ALEXNET, RESNET, DISTILBERT)
BATCHES = (1, 64, 256)
# Name: the noise source, and whether labels are kept.
FILES = {"random": ("random", False), "input": ("input", False), "keyed": ("keyed", False), "kept": ("keyed", True)}
COSTS = ("random", "keyed", "kept")
AT_ONCE = 7
FINE = (Outcome.PASSED, Outcome.NOT_APPLICABLE)
# What AlexNet is trained on where it is missing: enough that its logits are no noise.
ROWS, EPOCHS = 10_000, 4


def main() -> None:
    """Make the parts that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--provider", type=Provider, choices=list(Provider), default=Provider.CUDA)
    parser.add_argument("--target", choices=MEASURED, action="append")
    parser.add_argument("--batch", type=int, action="append")
    parser.add_argument("--part", choices=PARTS, action="append")
    parser.add_argument("--turns", type=int, default=60)
    arguments = parser.parse_args()
    folders = {target: arguments.work / target for target in arguments.target or MEASURED}
    for target, folder in folders.items():
        prepare(target, folder)
    machine = this_machine()
    report: Record = {
        "machine": {"processor": machine.processor, "versions": machine.versions, "gpu": gpu_name()},
        "provider": arguments.provider,
    }
    for part in arguments.part or PARTS:
        start = time.perf_counter()
        report[part] = PARTS[part](folders, arguments)
        print(f"{part}: {time.perf_counter() - start:.0f} s", flush=True)
        (arguments.work / "gpu.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        (arguments.work / "gpu.md").write_text(written(report), encoding="utf-8")
    print(written(report))


def gpu_name() -> str | None:
    """Name the GPU by its driver; None without one."""
    listed = Path("/proc/driver/nvidia/gpus")
    for card in sorted(listed.iterdir()) if listed.is_dir() else ():
        for line in (card / "information").read_text(encoding="utf-8").splitlines():
            if line.startswith("Model:"):
                return line.partition(":")[2].strip()
    return None


def prepare(target: str, folder: Path) -> None:
    """Train a target where it is missing, and export its files."""
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / "target.pt"
    if not checkpoint.exists() and target == DISTILBERT:
        save_checkpoint(checkpoint, target, {}, TARGETS[target].make())
    elif not checkpoint.exists():
        train_target(target, checkpoint, folder / "bundle", options=training(target))
    for name, (source, keep) in FILES.items():
        if not (folder / f"{name}.onnx").exists():
            export(checkpoint, folder / f"{name}.onnx", defence=keeping_label(DynaNoise(), keep), noise=source)


def training(target: str) -> ExperimentOptions:
    """Give the options of a target's training."""
    if target == RESNET:
        weights = Path(os.environ["DYNANOISE_DATA"]) / WEIGHTS
        return ExperimentOptions(protocol=Protocol.PUBLISHED, epochs=0, start_from=str(weights))
    return ExperimentOptions(rows=ROWS, epochs=EPOCHS) if target == ALEXNET else ExperimentOptions()


def cost(folders: dict[str, Path], arguments: argparse.Namespace) -> list[Record]:
    """Time the files of each target with the plain model in turn."""
    graphs = (False, True) if arguments.provider is Provider.CUDA else (False,)
    return [
        one_cost(target, folder, batch, Execution(arguments.provider, cuda_graph=graph), arguments.turns)
        for target, folder in folders.items()
        for batch in arguments.batch or BATCHES
        for graph in graphs
    ]


def one_cost(target: str, folder: Path, batch: int, execution: Execution, turns: int) -> Record:
    """Time the files of a target at a batch."""
    defended = [open_deployed(folder / f"{name}.onnx") for name in COSTS]
    plain = plain_model(defended[0], None)
    assert plain is not None
    models = [plain, *defended]
    record: Record = {"target": target, "batch": batch, "cuda_graph": execution.cuda_graph}
    try:
        pairs = timed(openings(models, batch, execution, inputs=MadeUpInputs(models)), turns)
    except UserError as error:
        return record | {"error": str(error)}
    medians = np.array([[np.median(turn) for turn in pair.turns] for pair in pairs])
    ratios = {name: median(list(medians[:, place] / medians[:, 0])) for place, name in enumerate(COSTS, 1)}
    print(target, batch, execution.cuda_graph, {name: round(ratio.value, 3) for name, ratio in ratios.items()})
    return record | {
        "plain_us": 1e6 * float(np.median(medians[:, 0])),
        "ratios": {name: {"value": one.value, "ci": [one.low, one.high]} for name, one in ratios.items()},
    }


def nodes(folders: dict[str, Path], arguments: argparse.Namespace) -> list[Record]:
    """Count the nodes beyond those of the model with a softmax, as the provider runs them."""
    return [
        {
            "target": target,
            "beyond_softmax": {name: beyond_softmax(folder, name, Execution(arguments.provider)) for name in COSTS},
        }
        for target, folder in folders.items()
    ]


def beyond_softmax(folder: Path, name: str, execution: Execution) -> int:
    """Count the nodes of an optimised file beyond those of the same model with a softmax."""
    plain, saved = folder / "plain.onnx", folder / "optimised.onnx"
    if not plain.exists():
        write_model(undefended(read_model(folder / f"{name}.onnx")), plain)
    counts = []
    for path in (plain, folder / f"{name}.onnx"):
        OnnxRuntimePredictor(path, execution=execution, save_optimised=saved).close()
        counts.append(len(onnx.load(saved, load_external_data=False).graph.node))
    return counts[1] - counts[0]


def graphs(folders: dict[str, Path], arguments: argparse.Namespace) -> list[Record]:
    """Compare the answers to a few rows in a CUDA graph with those outside, and with each other."""
    if arguments.provider is not Provider.CUDA:
        return []
    return [one_graph(target, folder / f"{name}.onnx") for target, folder in folders.items() for name in COSTS]


def one_graph(target: str, path: Path) -> Record:
    """Send a file the same rows twice in a CUDA graph, and once outside."""
    record: Record = {"target": target, "file": path.stem}
    rows = draw(open_deployed(path).inputs, rows=64)
    outside, inside = (Execution(Provider.CUDA, cuda_graph=graph) for graph in (False, True))
    try:
        with (
            OnnxRuntimePredictor(path, execution=outside) as ordinary,
            OnnxRuntimePredictor(path, execution=inside) as captured,
        ):
            expected, *again = (one.run(rows)["probabilities"] for one in (ordinary, captured, captured, captured))
    except UserError as error:
        return record | {"error": str(error)}
    return record | {
        "replays_differ": float(np.abs(again[1] - again[2]).max()),
        "differs_from_outside": float(np.abs(again[-1] - expected).max()),
    }


def validations(folders: dict[str, Path], arguments: argparse.Namespace) -> list[Record]:
    """Validate all files, seven at once, in processes of their own."""
    jobs = [(target, folder, name) for target, folder in folders.items() if target != DISTILBERT for name in FILES]
    provider = str(arguments.provider)
    at_once = AT_ONCE if arguments.provider is not Provider.CPU else 1
    return list(joblib.Parallel(at_once)(joblib.delayed(validated)(*job, provider) for job in jobs))


def validated(target: str, folder: Path, name: str, provider: str) -> Record:
    """Validate a file of a target on real rows."""
    record: Record = {"target": target, "file": name}
    try:
        judged = validate(folder / f"{name}.onnx", folder / "target.pt", data=folder / "bundle", provider=provider)
    except UserError as error:
        return record | {"passed": False, "error": str(error)}
    checks = {check.code: {"outcome": check.outcome, "detail": check.detail} for check in judged.checks}
    return record | {"passed": judged.passed, "checks": checks}


PARTS: dict[str, Callable[[dict[str, Path], argparse.Namespace], list[Record]]] = {
    "cost": cost,
    "nodes": nodes,
    "graphs": graphs,
    "validate": validations,
}


def written(report: Record) -> str:
    """Write what was found as Markdown."""
    machine = report["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    lines = [f"{machine['gpu'] or machine['processor']}, provider {report['provider']}, {versions}\n"]
    if report.get("cost"):
        lines += [row(["target", "batch", "CUDA graph", "plain µs", *COSTS]), row(["---"] * (4 + len(COSTS)))]
        lines += [row(cost_cells(one)) for one in report["cost"]]
    if report.get("nodes"):
        lines += ["", row(["target", *(f"nodes, {name}" for name in COSTS)]), row(["---"] * (1 + len(COSTS)))]
        lines += [
            row([one["target"], *(str(one["beyond_softmax"][name]) for name in COSTS)]) for one in report["nodes"]
        ]
    if report.get("graphs"):
        heads = ["target", "file", "two replays differ by", "a replay differs from outside by"]
        lines += ["", row(heads), row(["---"] * len(heads))]
        lines += [row(graph_cells(one)) for one in report["graphs"]]
    if report.get("validate"):
        lines += ["", row(["target", "file", "validate", "did not pass"]), row(["---"] * 4)]
        lines += [row(validation_cells(one)) for one in report["validate"]]
    return "\n".join(lines) + "\n"


def cost_cells(one: Record) -> list[str]:
    """Write the cost of a target at a batch."""
    cells = [one["target"], str(one["batch"]), "yes" if one["cuda_graph"] else "no"]
    if "error" in one:
        return [*cells, one["error"], *[""] * len(COSTS)]
    return [*cells, f"{one['plain_us']:,.0f}", *(f"{one['ratios'][name]['value']:.3f}" for name in COSTS)]


def graph_cells(one: Record) -> list[str]:
    """Write how the answers in a CUDA graph differ."""
    if "error" in one:
        return [one["target"], one["file"], one["error"], ""]
    return [one["target"], one["file"], f"{one['replays_differ']:.1e}", f"{one['differs_from_outside']:.1e}"]


def validation_cells(one: Record) -> list[str]:
    """Write the outcome of a validation, and the checks that did not pass."""
    checks = one.get("checks", {})
    others = [f"{code} ({check['outcome']})" for code, check in checks.items() if check["outcome"] not in FINE]
    return [one["target"], one["file"], "passed" if one["passed"] else "FAILED", one.get("error") or ", ".join(others)]


if __name__ == "__main__":
    main()
