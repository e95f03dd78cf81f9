"""What a benchmark found, in words and figures, for the terminal and for the page."""

from itertools import groupby

from dynanoise_export.benchmarking.benchmark import BenchReport
from dynanoise_export.benchmarking.figures import BEYOND, Latency, Run
from dynanoise_export.intervals import Interval
from dynanoise_export.reports.execution_wording import on_gpu
from dynanoise_export.runtimes.provider import Provider


def groups(report: BenchReport) -> list[tuple[str, list[Run]]]:
    """Group the runs by provider, under its name, or under the model's name if ONNX Runtime does not run it."""
    return [(provider or report.model.name, list(runs)) for provider, runs in groupby(report.runs, _provider)]


def answer(runs: list[Run]) -> str:
    """Say how much longer a call takes, or that there is nothing to compare with."""
    ratios = [f"{run.ratio.value:.3f} at {run.batch}" for run in runs if run.ratio is not None]
    if not ratios:
        return "nothing to compare with: give --against to see what the defence costs"
    ratios[0] = ratios[0].replace(" at ", " times as long with the defence at batch ")
    return f"a call takes {', '.join(ratios)}"


def latencies(run: Run) -> list[tuple[str, Latency]]:
    """Give the latencies of a run by the name of the model."""
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
    """Say how the times were measured."""
    pairs, sessions = _range({run.pairs for run in report.runs}), _range({run.sessions for run in report.runs})
    sentences = [f"{pairs} pairs of turns, in {sessions} sessions of each model"]
    if report.against is not None:
        sentences[0] += "; the ratio is the median over the pairs, with its 95% interval"
        sentences.append(f"plain: {report.against}")
    if report.model.graph is not None:
        sentences.append(f"threads: {'chosen by ONNX Runtime' if report.threads is None else report.threads}")
    if report.sizes:
        sentences.append("made-up inputs have " + ", ".join(f"{axis} {size}" for axis, size in report.sizes.items()))
    if any(run.transfers for run in report.runs):
        sentences.append("a call is timed from this machine: the times include the transfers to the model and back")
    if any(run.provider not in (None, Provider.CPU) for run in report.runs):
        sentences.append("inputs and outputs stay on the GPU (I/O binding): the times include no transfers")
    sentences += filter(None, map(on_gpu, report.executions))
    machine = report.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    sentences.append(f"{machine.processor}, {machine.cores} cores, {machine.system}, {versions}")
    return [*sentences, *_missing_percentiles(report)]


def _range(counts: set[int]) -> str:
    return f"{min(counts)}" if len(counts) == 1 else f"{min(counts)} to {max(counts)}"


def _missing_percentiles(report: BenchReport) -> list[str]:
    few = [run for run in report.runs if None in run.defended.percentiles.values()]
    if not few:
        return []
    pairs = max(run.pairs_for_all for run in few)
    return [f"–: fewer than {BEYOND} calls were slower; --pairs {pairs} gives all percentiles"]


def _provider(run: Run) -> Provider | None:
    return run.provider
