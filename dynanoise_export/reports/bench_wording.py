"""What a benchmark found, in words and figures, for the terminal and for the page."""

from itertools import groupby

from dynanoise_export.benchmarking.benchmark import BenchReport
from dynanoise_export.benchmarking.figures import BEYOND, Latency, Run
from dynanoise_export.intervals import Interval
from dynanoise_export.parameters import Provider


def groups(report: BenchReport) -> list[tuple[str, list[Run]]]:
    """Give the runs of each provider, under its name, or under that of the model where it runs elsewhere."""
    return [(provider or report.deployed.name, list(runs)) for provider, runs in groupby(report.runs, _provider)]


def answer(runs: list[Run]) -> str:
    """Tell how much longer a call takes, or that there is nothing to compare with."""
    told = [f"{run.ratio.value:.3f} at {run.batch}" for run in runs if run.ratio is not None]
    if not told:
        return "nothing to compare with: give --against to see what the defence costs"
    told[0] = told[0].replace(" at ", " times as long with the defence at batch ")
    return f"a call takes {', '.join(told)}"


def sides(run: Run) -> list[tuple[str, Latency]]:
    """Give the latencies of a run by name."""
    return [*([("plain", run.plain)] if run.plain else []), ("defended", run.defended)]


def milliseconds(value: float | None) -> str:
    """Write a time."""
    if value is None:
        return "–"
    decimals = 3 if value < 100 else 1 if value < 1000 else 0
    return f"{value:,.{decimals}f}"


def interval(ratio: Interval) -> str:
    """Write a ratio with its interval."""
    return f"{ratio.value:.4f} [{ratio.low:.4f}, {ratio.high:.4f}]"


def conditions(report: BenchReport) -> list[str]:
    """Tell how it was measured."""
    pairs, sessions = _spread({run.pairs for run in report.runs}), _spread({run.sessions for run in report.runs})
    told = [f"{pairs} pairs of turns, in {sessions} sessions of each model"]
    if report.against is not None:
        told[0] += "; the ratio is the median over the pairs, with its 95% interval"
        told.append(f"plain: {report.against}")
    if report.deployed.graph is not None:
        told.append(
            "threads: " + ("as many as ONNX Runtime chooses" if report.threads is None else f"{report.threads}")
        )
    if report.sizes:
        told.append("made-up inputs have " + ", ".join(f"{axis} {size}" for axis, size in report.sizes.items()))
    if any(run.transfers for run in report.runs):
        told.append("a call is timed from where this runs: the times hold the way to the model and back")
    if any(run.provider not in (None, Provider.CPU) for run in report.runs):
        told.append("inputs and outputs stay on the GPU (I/O binding): the times hold no transfers")
    machine = report.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    told.append(f"{machine.processor}, {machine.cores} cores, {machine.system}, {versions}")
    return [*told, *_untold(report)]


def _spread(counts: set[int]) -> str:
    return f"{min(counts)}" if len(counts) == 1 else f"{min(counts)} to {max(counts)}"


def _untold(report: BenchReport) -> list[str]:
    few = [run for run in report.runs if None in run.defended.percentiles.values()]
    if not few:
        return []
    pairs = max(run.pairs_for_all for run in few)
    return [f"–: fewer than {BEYOND} calls lie beyond it; --pairs {pairs} tells all"]


def _provider(run: Run) -> Provider | None:
    return run.provider
