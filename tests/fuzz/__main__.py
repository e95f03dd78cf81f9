"""Fuzz the loaders: every input must open, or be refused in one sentence.

    make fuzz                                                  # every target, 20 minutes in all
    PYTHONPATH=tests python -m fuzz --target onnx --seconds 60 # one of them
    PYTHONPATH=tests python -m fuzz --target onnx --seed 123   # one input again, with what is wrong

The same number always makes the same input. A finding is a traceback, the end of the process, more than 20 s of
processor time, more than 2 GiB, a file outside the input's folder, or a refusal of more than one line.
"""

import os

# Before the libraries are imported: workers are copies of this process, so it must not start threads.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

import argparse
import itertools
import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from fuzz.runner import Finding, Summary, fuzz, make_seeds
from fuzz.targets import TARGETS, make_input


def main() -> int:
    """Fuzz what the command line asks for, and print it; the status is 1 if there are findings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", choices=TARGETS, action="append", help="the default is all targets")
    parser.add_argument("--seconds", type=float, default=1200.0, help="for all targets together")
    parser.add_argument("--seed", type=int, help="the number of a single input")
    parser.add_argument("--share", action="store_true", help="a fixed number of inputs, as in `make test`")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--findings", type=Path, default=Path("build/fuzz"), help="the folder for findings")
    parser.add_argument("--json", type=Path, help="write the findings to this file as well")
    arguments = parser.parse_args()
    names = arguments.target or list(TARGETS)
    summaries: dict[str, Summary] = {}
    with TemporaryDirectory(prefix="fuzz-") as folder:
        make_seeds(Path(folder), names)
        for name in names:
            summary = summaries[name] = fuzz(name, Path(folder), **_extent(name, names, arguments))
            for finding in _first_of_each(summary.findings):
                path = arguments.findings / f"{name}-{finding.number}"
                _save(path, make_input(name, Path(folder) / name, finding.number), finding.detail)
                print(f"{path}: {finding.detail if arguments.seed else finding.fault}", file=sys.stderr)
    Console(width=120).print(_table(summaries))
    if arguments.json:
        arguments.json.write_text(json.dumps({name: _document(summary) for name, summary in summaries.items()}))
    return int(any(summary.findings for summary in summaries.values()))


def _extent(name: str, names: list[str], arguments: argparse.Namespace) -> dict[str, object]:
    """Choose the inputs of a target, and when it ends."""
    if arguments.seed is not None:
        return {"numbers": iter([arguments.seed])}
    if arguments.share:
        return {"numbers": iter(range(TARGETS[name].share)), "processes": arguments.processes}
    part = TARGETS[name].weight / sum(TARGETS[other].weight for other in names)
    until = time.monotonic() + arguments.seconds * part
    return {"numbers": itertools.count(), "processes": arguments.processes, "until": until}


def _first_of_each(findings: list[Finding]) -> list[Finding]:
    """Give one finding of each fault."""
    return list({finding.fault: finding for finding in reversed(findings)}.values())


def _save(folder: Path, files: dict[str, bytes], detail: str) -> None:
    for name, content in files.items():
        path = folder / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (folder / "finding.txt").write_text(detail)


def _table(summaries: dict[str, Summary]) -> Table:
    table = Table("target", *("inputs", "refused", "opened", "findings", "faults", "slowest, s", "peak, MiB"))
    for name, one in summaries.items():
        counts = (one.inputs, one.refused, one.opened, len(one.findings), len(_first_of_each(one.findings)))
        table.add_row(name, *map(str, counts), f"{one.slowest:.2f}", str(one.peak >> 20))
    return table


def _document(summary: Summary) -> dict[str, object]:
    counts = {"inputs": summary.inputs, "opened": summary.opened, "refused": summary.refused}
    return counts | {"findings": [vars(finding) for finding in summary.findings]}


if __name__ == "__main__":
    sys.exit(main())
