"""What a defence costs as the kernels of the package dynanoise-export-operators, on logits, on the CPU.

    OMP_NUM_THREADS=1 python -m benchmarks.operator_cost

A softmax, the file with its own operators, and the file with the kernels take turns, in one thread. The figure of each
is its fastest turn, because whatever else the machine does only adds to it.
"""

import argparse
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from onnx import parser, save

from benchmarks.defence_cost import SIZES, VARIANTS, write
from dynanoise_export.benchmarking.calls import openings
from dynanoise_export.deployed.open_deployed import open_deployed
from dynanoise_export.runtimes.provider import ON_CPU, Execution

OPERATORS = Execution(operators=True)
# A turn takes about as long as this many calls of one row.
CALLS = 200


def main() -> None:
    """Print a line for each size and variant, in microseconds."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--turns", type=int, default=200)
    turns = arguments.parse_args().turns
    with TemporaryDirectory() as folder:
        for rows, classes in SIZES:
            softmax = write_softmax(Path(folder), classes)
            for name in VARIANTS:
                file = write(Path(folder), name, classes)
                plain, functions, kernels = fastest(rows, turns, ((softmax, ON_CPU), (file, ON_CPU), (file, OPERATORS)))
                print(
                    f"{rows:3} x {classes:4}  {name:20} softmax {plain:7.1f}  functions {functions:7.1f}  "
                    f"kernels {kernels:7.1f}  ratio {kernels / functions:.2f}",
                    flush=True,
                )


def fastest(rows: int, turns: int, ways: tuple[tuple[Path, Execution], ...]) -> list[float]:
    """Time one call of files, each run in its own way."""
    openers = [openings([open_deployed(path)], rows, execution, threads=1)[0] for path, execution in ways]
    calls = max(1, CALLS // rows)
    with ExitStack() as stack:
        opened = [stack.enter_context(opener()) for opener in openers]
        turns_of_all = [[seconds(call, calls) / calls for call in opened] for _ in range(turns)]
    return [1e6 * min(times) for times in zip(*turns_of_all, strict=True)]


def seconds(call: Callable[[], object], times: int) -> float:
    """Time calls in a row."""
    start = perf_counter()
    for _ in range(times):
        call()
    return perf_counter() - start


def write_softmax(folder: Path, classes: int) -> Path:
    """Write a file like those of the defences, with a softmax in their place."""
    path = folder / f"softmax-{classes}.onnx"
    text = (
        f'<ir_version: 10, opset_import: ["": 18]> g (float[n,{classes}] x) => (float[n,{classes}] p) '
        "{z = Mul(x, x)\n p = Softmax(z)}"
    )
    save(parser.parse_model(text), path)
    return path


if __name__ == "__main__":
    main()
