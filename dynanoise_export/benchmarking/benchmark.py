"""Measure what a defence costs: a defended model over its plain twin, by provider and batch."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from dynanoise_export.benchmarking.figures import Run, run_of
from dynanoise_export.benchmarking.machine import Machine, this_machine
from dynanoise_export.benchmarking.plain_model import Runtime, Side, deployed_side, plain_side, prepared
from dynanoise_export.benchmarking.timing import Call, timed
from dynanoise_export.deployed.deployed_model import DeployedModel
from dynanoise_export.deployed.feeding import fixed_batch
from dynanoise_export.deployed.open_deployed import open_deployed
from dynanoise_export.errors import UserError
from dynanoise_export.parameters import Provider
from dynanoise_export.sources.inputs import IMAGE_SIDE, draw

BATCHES = (1, 8, 64, 256)

# Of made-up texts, in tokens.
LENGTH = 128

Step = Callable[[str], None]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Options:
    """What is measured.

    Attributes:
        batches: rows a call; empty for `BATCHES`, or for the one that the model takes.
        providers: what ONNX Runtime runs the models on; empty for the CPU, or for a model that runs elsewhere.
        threads: how many a CPU may use for one operator; None leaves it to the runtime.
        pairs: how often each model has its turn; None for as often as time allows.
    """

    batches: Sequence[int] = ()
    providers: Sequence[Provider] = ()
    threads: int | None = None
    pairs: int | None = None


@dataclass(frozen=True)
class BenchReport:
    """What a defence costs.

    Attributes:
        deployed: the defended model.
        against: what it was compared with, in words; None for nothing.
        threads: how many a CPU might use for one operator; None where it was left to the runtime.
        sizes: of the made-up inputs, by the names of dynamic axes other than the batch.
        machine: where it was measured, or where a server was asked from.
        runs: in the order in which they were made.
    """

    deployed: DeployedModel
    against: str | None
    threads: int | None
    sizes: dict[str, int]
    machine: Machine
    runs: tuple[Run, ...]


def bench(
    defended: str,
    against: str | None = None,
    options: Options | None = None,
    step: Step = lambda told: None,
    progress: Progress = lambda done, of: None,
) -> BenchReport:
    """Time a defended model and its plain twin in turn.

    Args:
        defended: an ONNX file, a plan, or the URL of a server's model.
        against: its plain twin; None for an ONNX file's own graph without the head, and for no comparison elsewhere.
        options: what is measured.
        step: told of what is measured next.
        progress: told of the pairs done, and of how many.

    Raises:
        UserError: a model can't be opened or run, or the two are not the same.
    """
    options = options or Options()
    deployed = open_deployed(defended, next(iter(options.providers), None))
    if deployed.graph is None and options.threads is not None:
        raise UserError(f"--threads is for ONNX files, and {defended} runs elsewhere.")
    plain = plain_side(deployed, against)
    sides = [side for side in (plain, deployed_side(deployed)) if side is not None]
    runs = []
    for provider in options.providers or [Provider.CPU]:
        for batch in _batches(sides, options.batches):
            step(f"Batch {batch} on {provider if deployed.graph else deployed.name}")
            pairs = timed(openings(sides, batch, Runtime(provider, options.threads)), options.pairs, progress)
            runs.append(run_of(pairs, provider if deployed.graph else None, batch))
    name = None if plain is None else plain.name
    return BenchReport(deployed, name, options.threads, sizes(sides), this_machine(), tuple(runs))


def openings(sides: Sequence[Side], batch: int, runtime: Runtime) -> list[Callable[[], Call]]:
    """Give what opens each side anew, with inputs made up for it."""
    return [partial(_opened, side, batch, sizes(sides), runtime) for side in sides]


def sizes(sides: Iterable[Side]) -> dict[str, int]:
    """Choose sizes for the dynamic axes of made-up inputs, but for the batch."""
    return {
        axis: IMAGE_SIDE if len(spec.shape) >= 4 else LENGTH
        for side in sides
        for spec in side.inputs
        for axis in spec.shape[1:]
        if isinstance(axis, str) and axis != spec.shape[0]
    }


def _opened(side: Side, batch: int, chosen: dict[str, int], runtime: Runtime) -> Call:
    return prepared(side.open(runtime), draw(side.inputs, batch, chosen))


def _batches(sides: Sequence[Side], wanted: Sequence[int]) -> Sequence[int]:
    """Choose the batches: those that are wanted, or the one that the models take.

    Raises:
        UserError: a model takes another batch than those that are wanted.
    """
    for side in sides:
        fixed = fixed_batch(side.inputs)
        if fixed is None:
            continue
        if others := [batch for batch in wanted if batch != fixed]:
            raise UserError(f"{side.name} takes batches of {fixed} alone, and not of {others[0]}.")
        return [fixed]
    return wanted or BATCHES
