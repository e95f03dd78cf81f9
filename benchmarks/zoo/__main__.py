"""What `export` and `validate` make of models by others and by many tools.

    PYTHONPATH=tests python -m benchmarks.zoo --work DIR                    # all of them, and the table in docs/zoo.md
    PYTHONPATH=tests python -m benchmarks.zoo --work DIR "SVC, 10 classes"  # one of them, again

Each model is made or found, exported, compared with Algorithm 1 in float64 under known noise, and validated. Its
result is written to results.jsonl in DIR at once, so that an interrupted run goes on where it stopped.
benchmarks/zoo/requirements.txt names the packages that the models are made with; a model that can't be made, because
of a missing package or because its converter refuses it, is left out.
"""

import argparse
import json
import traceback
import warnings
from pathlib import Path

import torch

from benchmarks.zoo.catalogue import entries
from benchmarks.zoo.judge import NotMadeError, Result, judge
from benchmarks.zoo.table import write_table


def main() -> None:
    """Judge the models that the command line names, or those without a result, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--work", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    saved = arguments.work / "results.jsonl"
    results = read(saved)
    known = {entry.name: entry for entry in entries()}
    if unknown := set(arguments.names) - set(known):
        parser.error(f"unknown models: {', '.join(sorted(unknown))}")
    warnings.simplefilter("ignore")  # of the packages that make the models
    declare_operators()
    for name in arguments.names or [name for name in known if name not in results]:
        try:
            result = judge(known[name], arguments.work / known[name].folder)
        except NotMadeError as error:
            print(f"{name} is left out: {error}", flush=True)
            continue
        except Exception:  # a fault, of this program or of the tool
            print(f"{name} failed:\n{traceback.format_exc()}", flush=True)
            continue
        results[name] = result
        with saved.open("a", encoding="utf-8") as file:
            file.write(f"{result.line()}\n")
        print(result.line(), flush=True)
    write_table([results[name] for name in known if name in results])
    print(f"{sum(result.right for result in results.values())} of {len(results)} are as they should be")


def declare_operators() -> None:
    """Declare the operators that torchvision has on GPUs only, or timm and transformers can't import it."""
    for operator in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, operator):
            torch.library.define(f"torchvision::{operator}", "(Tensor a, Tensor b, float c) -> Tensor")


def read(path: Path) -> dict[str, Result]:
    """Read the results by the names of their models; a later line replaces an earlier one."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {result.name: result for result in (Result(**json.loads(line)) for line in lines)}


if __name__ == "__main__":
    main()
