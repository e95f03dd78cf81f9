"""The JSON document of `bench`."""

from typing import TypedDict

from dynanoise_export.benchmarking.benchmark import BenchReport
from dynanoise_export.benchmarking.figures import Latency, Run
from dynanoise_export.reports.documents import Header, ends, header
from dynanoise_export.reports.execution_wording import ExecutionDocument, execution_document

# Percentiles by name, in milliseconds; None if too few calls were timed to know one.
Percentiles = dict[str, float | None]


class MachineDocument(TypedDict):
    """Where the times were measured."""

    processor: str
    cores: int
    system: str
    versions: dict[str, str]


class RunDocument(TypedDict):
    """What was measured at one batch size; None for the undefended model if there is none."""

    provider: str | None
    batch: int
    pairs: int
    sessions: int
    transfers: bool
    plain_ms: Percentiles | None
    plain_calls: int | None
    plain_rows_per_second: float | None
    defended_ms: Percentiles
    defended_calls: int
    defended_rows_per_second: float
    ratio: float | None
    ratio_ci: list[float] | None


class BenchDocument(Header):
    """What a defence costs.

    Attributes:
        noise: the noise source, or None.
        against: the undefended model, for people; None if there is none.
        threads: that a CPU might use for one operator; None if the runtime chose.
        made_up_sizes: of the inputs, by the names of dynamic axes other than the batch.
        machine: where it was measured.
        executions: how ONNX Runtime ran the models, one for each provider; empty if they ran elsewhere.
        runs: by provider and batch.
    """

    noise: str | None
    against: str | None
    threads: int | None
    made_up_sizes: dict[str, int]
    machine: MachineDocument
    executions: list[ExecutionDocument]
    runs: list[RunDocument]


def bench_document(report: BenchReport) -> BenchDocument:
    """Describe what a defence costs."""
    model, machine = report.model, report.machine
    return {
        **header("bench", model.name, model.sha256, model.defence, content=model.content_sha256),
        "noise": model.noise,
        "against": report.against,
        "threads": report.threads,
        "made_up_sizes": report.sizes,
        "machine": {
            "processor": machine.processor,
            "cores": machine.cores,
            "system": machine.system,
            "versions": machine.versions,
        },
        "executions": [execution_document(execution) for execution in report.executions],
        "runs": [_run(run) for run in report.runs],
    }


def _run(run: Run) -> RunDocument:
    plain = run.plain
    return {
        "provider": run.provider,
        "batch": run.batch,
        "pairs": run.pairs,
        "sessions": run.sessions,
        "transfers": run.transfers,
        "plain_ms": None if plain is None else _percentiles(plain),
        "plain_calls": None if plain is None else plain.calls,
        "plain_rows_per_second": None if plain is None else plain.throughput,
        "defended_ms": _percentiles(run.defended),
        "defended_calls": run.defended.calls,
        "defended_rows_per_second": run.defended.throughput,
        "ratio": None if run.ratio is None else run.ratio.value,
        "ratio_ci": None if run.ratio is None else ends(run.ratio),
    }


def _percentiles(latency: Latency) -> Percentiles:
    return {f"p{percentile}": value for percentile, value in latency.percentiles.items()}
