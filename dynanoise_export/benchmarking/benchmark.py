"""Measure what a defence costs: a defended model over an undefended one, by provider and batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dynanoise_export.benchmarking.calls import MadeUpInputs, openings, runs_in_onnx_runtime
from dynanoise_export.benchmarking.figures import Run, run_of
from dynanoise_export.benchmarking.machine import Machine, this_machine
from dynanoise_export.benchmarking.plain_model import plain_model
from dynanoise_export.benchmarking.timing import FEWEST, timed
from dynanoise_export.deployed.deployed_model import DeployedModel
from dynanoise_export.deployed.open_deployed import open_deployed
from dynanoise_export.errors import UsageError
from dynanoise_export.graph.specs import fixed_batch
from dynanoise_export.runtimes.provider import ON_CPU, Execution, Provider, chosen_execution
from dynanoise_export.types import Progress, no_progress

BATCHES = (1, 8, 64, 256)


@dataclass(frozen=True)
class BenchReport:
    """What a defence costs.

    Attributes:
        model: the defended model.
        against: the name of the undefended model that it was compared with; None if there was none.
        threads: the number that a CPU might use for one operator; None if it was left to the runtime.
        sizes: of the made-up inputs, by the names of their dynamic axes; the batch is not one of them.
        machine: the machine that ran the benchmark; a model on a server runs on another one.
        executions: how ONNX Runtime ran the models, one for each provider; empty if they ran elsewhere.
        runs: in the order in which they were made.
    """

    model: DeployedModel
    against: str | None
    threads: int | None
    sizes: dict[str, int]
    machine: Machine
    executions: tuple[Execution, ...]
    runs: tuple[Run, ...]


def bench(
    model: str | Path,
    *,
    against: str | Path | None = None,
    batches: Sequence[int] = (),
    providers: Sequence[Provider | str] = (),
    tf32: bool = False,
    cuda_graph: bool = False,
    operators: bool = False,
    threads: int | None = None,
    pairs: int | None = None,
    progress: Progress = no_progress,
) -> BenchReport:
    """Time a defended model and an undefended one in turn.

    Args:
        model: the path of a defended ONNX file or plan, or the URL of a model on a server.
        against: the path or URL of the undefended model; None for an ONNX file's own graph without its defence, and for
            no comparison otherwise.
        batches: the rows of a call; empty for `BATCHES`, or for the one batch that the model takes.
        providers: what ONNX Runtime runs an ONNX file on: cpu, cuda or tensorrt; empty for the CPU.
        tf32: whether GPUs may compute float32 in TF32. Without it they compute as keyed noise should be deployed.
        cuda_graph: whether the provider cuda replays a CUDA graph of the model.
        operators: whether the defence runs as the kernels of the package dynanoise-export-operators.
        threads: the number that a CPU may use for one operator; None leaves it to ONNX Runtime.
        pairs: the number of turns of each model, at least 10; None for 200, or as many as fit into 30 seconds.
        progress: called with the pairs that are done, for each provider and batch.

    Returns:
        The latency of each model and their ratio, for each provider and batch.

    Raises:
        UserError: a model can't be opened or run, its noise would be dead in a CUDA graph, or the two do not take the
            same inputs.
    """
    _require_counts(batches, threads, pairs)
    chosen = _executions(providers, tf32=tf32, cuda_graph=cuda_graph, operators=operators)
    defended = open_deployed(model, chosen[0] if chosen else None)
    local = runs_in_onnx_runtime(defended)
    if threads is not None and not local:
        raise UsageError(f"--threads applies to ONNX files, and {defended.name} is not one: leave it out.")
    plain = plain_model(defended, against)
    models = [defended] if plain is None else [plain, defended]
    runs, inputs = [], MadeUpInputs(models)
    executions = chosen or [ON_CPU]
    for execution in executions:
        for batch in _batches(models, batches):
            what = f"Batch {batch} on {execution.provider if local else defended.name}"
            pairs_done = timed(openings(models, batch, execution, threads, inputs), pairs, what=what, progress=progress)
            runs.append(run_of(pairs_done, execution.provider if local else None, batch))
    return BenchReport(
        model=defended,
        against=None if plain is None else plain.name,
        threads=threads,
        sizes=dict(inputs.recipe.sizes),
        machine=this_machine(),
        executions=tuple(executions) if local else (),
        runs=tuple(runs),
    )


def _executions(
    providers: Sequence[Provider | str], *, tf32: bool, cuda_graph: bool, operators: bool
) -> list[Execution]:
    """Give what the user chose for each provider, GPUs first; their options do not apply to the CPU beside them."""
    gpus = [provider for provider in providers if provider != Provider.CPU]
    asked: Sequence[Provider | str | None] = gpus or providers or [None]
    chosen = [chosen_execution(provider, tf32=tf32, cuda_graph=cuda_graph, operators=operators) for provider in asked]
    if gpus and len(gpus) < len(providers):
        chosen.append(Execution(operators=operators))
    return [execution for execution in chosen if execution is not None]


def _require_counts(batches: Sequence[int], threads: int | None, pairs: int | None) -> None:
    least = [("--batch", batch, 1) for batch in batches] + [("--threads", threads, 1), ("--pairs", pairs, FEWEST)]
    for option, value, lowest in least:
        if value is not None and value < lowest:
            raise UsageError(f"{option} must be {lowest} or more, not {value}.")


def _batches(models: Sequence[DeployedModel], chosen: Sequence[int]) -> Sequence[int]:
    """Give the batches: the chosen ones, or the one that the models take.

    Raises:
        UsageError: a model takes another batch than the chosen ones.
    """
    for model in models:
        fixed = fixed_batch(model.all_inputs)
        if fixed is None:
            continue
        if others := [batch for batch in chosen if batch != fixed]:
            raise UsageError(f"{model.name} takes batches of {fixed} only, not of {others[0]}.")
        return [fixed]
    return chosen or BATCHES
