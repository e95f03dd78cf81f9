"""A benchmark as a JSON document."""

import dataclasses

from dynanoise_export.benchmarking.benchmark import BenchReport
from dynanoise_export.benchmarking.figures import Latency, Run
from dynanoise_export.reports.documents import Document, header


def bench_document(report: BenchReport) -> Document:
    """Tell what a defence costs; there is nothing to fail."""
    deployed = report.deployed
    parameters = deployed.stated.parameters if deployed.stated else None
    return header("bench", deployed.name, deployed.sha256, parameters, passed=True) | {
        "noise": deployed.stated.noise if deployed.stated else None,
        "against": report.against,
        "threads": report.threads,
        "made_up_sizes": report.sizes,
        "machine": dataclasses.asdict(report.machine),
        "runs": [_run(run) for run in report.runs],
    }


def _run(run: Run) -> Document:
    return {
        "provider": run.provider,
        "batch": run.batch,
        "pairs": run.pairs,
        "sessions": run.sessions,
        "transfers": run.transfers,
        **_latency("plain", run.plain),
        **_latency("defended", run.defended),
        "ratio": None if run.ratio is None else run.ratio.value,
        "ratio_ci": None if run.ratio is None else [run.ratio.low, run.ratio.high],
    }


def _latency(of: str, latency: Latency | None) -> Document:
    return {
        f"{of}_ms": None if latency is None else {f"p{p}": value for p, value in latency.percentiles.items()},
        f"{of}_calls": None if latency is None else latency.calls,
        f"{of}_rows_per_second": None if latency is None else latency.throughput,
    }
