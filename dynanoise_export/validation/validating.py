"""Validate a defended model: all the checks, in one readable function."""

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dynanoise_export.bundles import load_bundle
from dynanoise_export.errors import UserError
from dynanoise_export.noise.keyed.keyed_noise import KeyedNoise
from dynanoise_export.parameters import Parameters, Provider
from dynanoise_export.runtimes.predictor import Arrays, Endpoint, Predictor, rows_of
from dynanoise_export.sources.inputs import draw
from dynanoise_export.sources.open_source import open_source
from dynanoise_export.sources.reference_model import reference_logits
from dynanoise_export.sources.source_model import SourceOptions
from dynanoise_export.validation import (
    form_checks,
    generator_checks,
    input_noise_checks,
    keyed_checks,
    leak_checks,
    optimiser_checks,
    parity_checks,
    probing,
)
from dynanoise_export.validation.check import Check, not_made
from dynanoise_export.validation.noise_audit import audit
from dynanoise_export.validation.parity_checks import Floats, Tolerance
from dynanoise_export.validation.repeated_answers import ask
from dynanoise_export.validation.sample_size import calls_needed
from dynanoise_export.validation.subject import Subject, keyed_noise_of, open_subject

Progress = Callable[[str], None]

# What a check of liveness takes, and what the audit takes: more rows make it slower and no sharper.
FEW_ROWS, MOST_ROWS = 32, 2000
# A large model with few classes takes many calls to see its noise sharply; beyond so many answers, less sharply.
MOST_ANSWERS = 16_000
MADE_UP_ROWS = 512
# Of so many classes that the answers to all rows would fill the memory, fewer rows are used.
MOST_VALUES = 4_000_000


@dataclass(frozen=True)
class Validation:
    """What was found.

    Attributes:
        subject: the model.
        reference: what it was compared with.
        rows: how many rows of data were used.
        data: where they came from, in words.
        checks: in the order in which they were made.
        strict: whether a warning fails.
    """

    subject: Subject
    reference: Path
    rows: int
    data: str
    checks: tuple[Check, ...]
    strict: bool

    @property
    def passed(self) -> bool:
        """Whether the model is what it is said to be."""
        return all(check.passed or (check.warning and not self.strict) for check in self.checks)


def validate(
    where: str | Path,
    reference: Path,
    data: Path | None = None,
    given: Parameters | None = None,
    tolerance: Tolerance | None = None,
    opening: SourceOptions | None = None,
    strict: bool = False,
    key_file: Path | None = None,
    progress: Progress = lambda step: None,
    provider: Provider | None = None,
) -> Validation:
    """Judge a defended model by what it does, where it is deployed.

    Args:
        where: the path of an ONNX file or plan, or the URL of a model on a server.
        reference: the model that it was made from, in any format that `export` opens.
        data: a bundle; without it rows are made up, which hides a model that has lost its accuracy.
        given: parameters to judge it by, in place of those that it states.
        tolerance: of the logits.
        opening: what the reference's own file does not say.
        strict: whether a warning fails.
        key_file: the key of a file with keyed noise; None for the one beside it.
        progress: told of each step.
        provider: what ONNX Runtime is to run an ONNX file on; None for the CPU.

    Raises:
        UserError: the model, the reference, the data or the key can't be used.
    """
    progress("Opening the model and the reference")
    subject = open_subject(where, given, provider)
    noise = keyed_noise_of(subject.deployed, key_file)
    target = open_source(reference, opening)
    rows, source = _rows(subject, data)
    progress("Asking the reference")
    expected = reference_logits(target, rows)
    if not subject.classes:  # the model does not declare them
        subject = dataclasses.replace(subject, classes=expected.shape[1])
    checks = tuple(_checks(subject, rows, expected, tolerance or Tolerance(), noise, progress))
    return Validation(subject, reference, rows_of(rows), source, checks, strict)


def _checks(
    subject: Subject,
    rows: Arrays,
    expected: Floats,
    tolerance: Tolerance,
    noise: KeyedNoise | None,
    progress: Progress,
) -> Iterator[Check]:
    deployed, graph, place = subject.deployed, subject.deployed.graph, subject.deployed.endpoint
    progress("Checking the form")
    yield from _of_form(subject)
    try:
        predictor = place.open()
    except UserError as error:
        if graph is None or graph.provider is not Provider.CPU:  # the place can't be used, whatever the model
            raise
        yield Check("opens", False, None, None, str(error))
        return
    few = {name: array[:FEW_ROWS] for name, array in rows.items()}
    yield form_checks.runs_as_declared(deployed, predictor, few | optimiser_checks.fed_noise(subject, few, 0))

    progress("Comparing with the reference")
    logits = expected
    if graph is not None:
        seen = probing.look_inside(subject, graph, rows)
        yield from probing.compared(subject, seen, expected, tolerance)
        logits = expected if isinstance(seen, str) else seen.logits

    if deployed.noise_input is not None:
        yield from _fed(subject, predictor, few, expected[:FEW_ROWS], tolerance)
    elif noise is not None:
        yield from _keyed(subject, place, rows, expected, logits, noise, tolerance, progress)
    else:
        # Of keyed noise, which is to repeat, no place excuses anything.
        yield from (
            generator_checks.as_known(check, place) for check in _audited(subject, place, rows, logits, progress)
        )
        yield generator_checks.generator(place)
    if graph is not None:
        progress("Optimising it")
        yield from optimiser_checks.survives_optimisers(subject, graph.path, few, repeats=noise is not None)


def _of_form(subject: Subject) -> Iterator[Check]:
    deployed, graph = subject.deployed, subject.deployed.graph
    if graph is None:
        yield leak_checks.unseen_graph(deployed)
        yield leak_checks.lone_output(deployed)
        return
    yield form_checks.well_formed(graph)
    yield leak_checks.no_leak(deployed, graph)
    yield leak_checks.no_seed(graph)
    yield leak_checks.live_draws(deployed, graph)
    yield leak_checks.no_overridable_weight(graph)
    yield parity_checks.stated_parameters(graph, subject.parameters)


def _rows(subject: Subject, data: Path | None) -> tuple[Arrays, str]:
    most = min(MOST_ROWS, max(FEW_ROWS, MOST_VALUES // max(subject.classes, 1)))
    if data is None:
        return draw(subject.deployed.inputs, min(most, MADE_UP_ROWS)), "made up: give --data for a verdict on real rows"
    bundle = load_bundle(data, [spec.name for spec in subject.deployed.inputs])
    rows = {s.name: np.asarray(bundle.inputs[s.name][:most]).astype(s.dtype) for s in subject.deployed.inputs}
    return rows, f"{data}, {rows_of(rows):,} of its {len(bundle):,} rows"


def _fed(
    subject: Subject, predictor: Predictor, rows: Arrays, expected: Floats, tolerance: Tolerance
) -> Iterator[Check]:
    try:
        yield from input_noise_checks.fed_noise_alone(subject, predictor, rows)
        yield input_noise_checks.equals_the_reference(subject, predictor, rows, expected, tolerance)
    except UserError as error:
        yield not_made("fed noise", str(error).rstrip("."))


def _keyed(
    subject: Subject,
    place: Endpoint,
    rows: Arrays,
    expected: Floats,
    logits: Floats,
    noise: KeyedNoise,
    tolerance: Tolerance,
    progress: Progress,
) -> Iterator[Check]:
    try:
        answers = ask(place, rows, subject.deployed.answers, 2, progress)
        yield (sound := leak_checks.distributions(answers.calls))
        if not sound.passed or answers.permuted.shape != expected.shape:
            yield not_made("keyed noise", "the answers are no distributions over the reference's classes")
            return
        progress("Auditing the noise")
        cases = keyed_checks.Cases(expected, logits, answers, noise.tables(expected.shape[1]), tolerance)
        yield from keyed_checks.keyed_noise(subject, cases)
        yield keyed_checks.batch_of_one(subject, place.open(), rows, cases)
        yield from keyed_checks.follows_the_key(noise, cases)
    except UserError as error:
        yield not_made("keyed noise", str(error).rstrip("."))


def _audited(subject: Subject, place: Endpoint, rows: Arrays, logits: Floats, progress: Progress) -> Iterator[Check]:
    try:
        affordable = max(2, MOST_ANSWERS // rows_of(rows))
        calls = min(calls_needed(logits, subject.parameters) - 1, affordable)  # and one in another order
        answers = ask(place, rows, subject.deployed.answers, calls, progress)
    except UserError as error:
        yield not_made("noise audit", str(error).rstrip("."))
        return
    sound = leak_checks.distributions(answers.calls)
    yield sound
    if not sound.passed:
        yield not_made("noise audit", "noise can be recovered from probabilities alone")
        return
    if answers.permuted.shape != logits.shape:
        shapes = f"the answers are {list(answers.permuted.shape)} and the logits {list(logits.shape)}"
        yield not_made("noise audit", shapes)
        return
    progress("Auditing the noise")
    yield from audit(logits, answers, subject.parameters, keep_label=subject.deployed.keep_label)
