"""A benchmark on a terminal: the answer, then a table for each provider."""

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table

from dynanoise_export.benchmarking.benchmark import BenchReport
from dynanoise_export.benchmarking.figures import PERCENTILES, Run
from dynanoise_export.reports.bench_wording import answer, conditions, groups, interval, latencies, milliseconds
from dynanoise_export.reports.terminal import words


def print_bench(report: BenchReport, console: Console) -> None:
    """Print what a defence costs."""
    for name, runs in groups(report):
        console.print(f"[bold]{words(name)}[/]: {answer(runs)}")
        console.print(_table(runs))
    for condition in conditions(report):
        console.print(words(condition), style="dim")


def _table(runs: list[Run]) -> Table:
    columns = [Column(f"p{percentile} ms", justify="right") for percentile in PERCENTILES]
    table = Table(
        Column("batch", justify="right"), "", *columns, Column("rows/s", justify="right"), "ratio",
        box=SIMPLE, show_edge=False, pad_edge=False, collapse_padding=True,
    )  # fmt: skip
    for run in runs:
        ratio = words(interval(run.ratio)) if run.ratio else ""
        for name, latency in latencies(run):
            last = name == "defended"
            times = [milliseconds(value) for value in latency.percentiles.values()]
            batch = "" if last and run.plain else f"{run.batch}"
            table.add_row(batch, name, *times, f"{latency.throughput:,.0f}", ratio if last else "", end_section=last)
    return table
