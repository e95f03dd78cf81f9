"""Validate a defended model: all the checks, in one readable function."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from dynanoise_export.defences.base import Defence
from dynanoise_export.defences.keep_label import keeping_label
from dynanoise_export.deployed.deployed_model import DeployedModel
from dynanoise_export.deployed.model_key import keyed_noise_of
from dynanoise_export.deployed.open_deployed import open_deployed
from dynanoise_export.errors import DefenceError, UserError
from dynanoise_export.graph.specs import fixed_batch
from dynanoise_export.noise.keyed.keyed_noise import KeyedNoise
from dynanoise_export.runtimes.fixed_batch import FixedBatchEndpoint
from dynanoise_export.runtimes.provider import ON_CPU, Execution, Provider, chosen_execution
from dynanoise_export.sources.reference_model import Reference
from dynanoise_export.sources.source_model import SourceOptions
from dynanoise_export.types import Progress, Step, no_progress, row_count
from dynanoise_export.validation import (
    defence_form_check,
    form_checks,
    guard_checks,
    leak_checks,
    noise_checks,
    optimiser_checks,
    parity_checks,
    probing,
)
from dynanoise_export.validation.case import Case
from dynanoise_export.validation.check import Check, CheckCode, Outcome, failed
from dynanoise_export.validation.judged_rows import FEW_ROWS, judged_rows
from dynanoise_export.validation.tolerance import FLOAT32, IN_TF32, Tolerance


@dataclass(frozen=True)
class Validation:
    """What `validate` found.

    Attributes:
        model: that was judged.
        defence: that it was judged by.
        reference: the path of the model that it was compared with.
        rows: how many rows of data were used.
        data: where they come from, for people.
        tolerance: how far logits might differ from the reference's.
        checks: in the order in which they were run.
        strict: whether a warning fails.
    """

    model: DeployedModel
    defence: Defence
    reference: Path
    rows: int
    data: str
    tolerance: Tolerance
    checks: tuple[Check, ...]
    strict: bool

    @property
    def passed(self) -> bool:
        """Whether the model is what it states."""
        return all(check.passed or (check.outcome is Outcome.WARNING and not self.strict) for check in self.checks)


def validate(
    model: str | Path,
    reference: str | Path,
    *,
    data: str | Path | None = None,
    defence: Defence | None = None,
    atol: float | None = None,
    rtol: float | None = None,
    source_options: SourceOptions | None = None,
    strict: bool = False,
    key_file: str | Path | None = None,
    provider: Provider | str | None = None,
    tf32: bool = False,
    operators: bool = False,
    progress: Progress = no_progress,
) -> Validation:
    """Judge a defended model by what it does, where it is deployed.

    Args:
        model: the path of an ONNX file or TensorRT plan, or the URL of a model on a server.
        reference: the path of the model that it was made from, in any format that `export` opens.
        data: the path of a bundle; None for made-up rows, which can't show a loss of accuracy.
        defence: that the model is judged by; None for the one that it states. Whether answers keep the undefended
            label is always what the model states.
        atol: how far a logit, relative to its row's largest, may differ from the reference's; a float16 model needs
            more. None for what the precision of the runtime allows: `FLOAT32`, or `IN_TF32`.
        rtol: how much farther, for each unit of its size; None likewise.
        source_options: what the reference's own file does not say.
        strict: whether a warning fails.
        key_file: the path of the key of a model with keyed noise; None for the key beside its file.
        provider: what ONNX Runtime runs an ONNX file on: cpu, cuda or tensorrt; None for the CPU.
        tf32: whether a GPU may compute float32 in TF32, which moves the logits farther.
        operators: whether the defence runs as the kernels of the package dynanoise-export-operators.
        progress: called with each step.

    Raises:
        UserError: the model, the reference, the data or the key can't be used, or there is no defence to judge by.
    """
    progress(Step("Opening the model and the reference"))
    execution = chosen_execution(provider, tf32=tf32, operators=operators)
    deployed = open_deployed(model, execution)
    judged_by = _defence(deployed, defence)
    noise = keyed_noise_of(deployed, None if key_file is None else Path(key_file))
    judged = judged_rows(deployed, Path(reference), None if data is None else Path(data), source_options)
    with Reference(judged.source) as undefended:
        progress(Step("Querying the reference"))
        expected = judged.answered(undefended, deployed.guard)
        reference_batch, floor = fixed_batch(undefended.source.inputs), undefended.floor
    tolerance = _tolerance(execution or ON_CPU, atol, rtol)
    case = Case(
        model=_taking_any_rows(deployed),
        defence=judged_by,
        classes=deployed.classes or expected.shape[1],
        rows=judged.rows,
        expected=expected,
        tolerance=tolerance,
        execution=execution or ON_CPU,
        floor=floor if judged.source.scores.floor is None else None,
        confirmed=undefended.confirmed,
        reference_batch=reference_batch,
    )
    checks = tuple(_checks(case, noise, progress))
    count = row_count(judged.rows)
    return Validation(deployed, judged_by, Path(reference), count, judged.described, tolerance, checks, strict)


def _defence(model: DeployedModel, given: Defence | None) -> Defence:
    """Choose the defence to judge by: the given one with the model's own keep_label, or the one that it states."""
    stated = model.defence
    if given is not None:
        return keeping_label(given, stated is not None and stated.keep_label)
    if stated is None:
        raise DefenceError(f"{model.name} does not state a defence: give the one to judge it by with --defence.")
    return stated


def _tolerance(execution: Execution, atol: float | None, rtol: float | None) -> Tolerance:
    """Complete what the user allows by what the precision of the runtime causes."""
    usual = IN_TF32 if execution.tf32 else FLOAT32
    return Tolerance(usual.atol if atol is None else atol, usual.rtol if rtol is None else rtol)


def _taking_any_rows(model: DeployedModel) -> DeployedModel:
    """Let a model with a fixed batch take any number of rows; what it declares stays."""
    fixed = fixed_batch(model.inputs)
    return model if fixed is None else replace(model, endpoint=FixedBatchEndpoint(model.endpoint, fixed))


def _checks(case: Case, noise: KeyedNoise | None, progress: Progress) -> Iterator[Check]:
    graph = case.model.graph
    progress(Step("Checking the form"))
    yield from _of_form(case, noise)
    try:
        predictor = case.model.endpoint.open()
    except UserError as error:
        # On a GPU it is the endpoint that can't be used, whatever the model.
        if graph is None or case.execution.provider is not Provider.CPU:
            raise
        yield failed(CheckCode.OPENS, str(error))
        return
    with predictor:
        yield form_checks.runs_as_declared(case.first(FEW_ROWS), predictor)
        progress(Step("Comparing with the reference"))
        inside = None
        if graph is not None:
            try:
                inside = probing.look_inside(case, graph)
            except UserError as error:
                yield from probing.not_compared(case, error)
            else:
                yield from probing.compared(case, inside)
                case = replace(case.completed(inside.logits), movement=inside.movement)
        few = case.first(FEW_ROWS)
        yield from guard_checks.guard_holds(case, few, predictor)
        if not case.defence.takes_noise:
            yield from noise_checks.no_noise(case, predictor, progress)
        elif case.model.noise_input is not None:
            yield from noise_checks.fed_noise(case, few, predictor)
        elif noise is not None:
            yield from noise_checks.keyed_noise(case, predictor, inside, noise, progress)
        else:
            yield from noise_checks.random_noise(case, case.expected if inside is None else inside.logits, progress)
    if graph is not None:
        progress(Step("Running it through optimisers"))
        repeats = noise is not None or not case.defence.takes_noise
        yield from optimiser_checks.survives_optimisers(few, graph.path, repeats=repeats)


def _of_form(case: Case, noise: KeyedNoise | None) -> Iterator[Check]:
    model, graph = case.model, case.model.graph
    if graph is None:
        yield leak_checks.unseen_graph(model)
        yield leak_checks.single_output(model)
        yield defence_form_check.unseen_form()
        yield guard_checks.unseen_guard(case)
        return
    yield form_checks.well_formed(graph)
    yield leak_checks.no_leak(case, graph)
    yield leak_checks.no_seed(case, graph)
    yield leak_checks.live_draws(case, graph)
    yield leak_checks.no_overridable_weight(graph)
    yield parity_checks.stated_parameters(graph, case.defence)
    yield defence_form_check.nothing_but_the_defence(case, graph, noise)
    yield guard_checks.nothing_but_the_guard(case, graph)
