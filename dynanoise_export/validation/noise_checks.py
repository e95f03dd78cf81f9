"""The checks of a model's noise: none, from an input, keyed, or random with or without a known law."""

from collections.abc import Iterator

import numpy as np

from dynanoise_export.defences.base import NoiseLaw
from dynanoise_export.errors import UserError, reason_of
from dynanoise_export.noise.keyed.keyed_noise import KeyedNoise
from dynanoise_export.runtimes.predictor import Predictor
from dynanoise_export.types import Floats, Progress, Step, row_count
from dynanoise_export.validation import generator_checks, input_noise_checks, keyed_checks, parity_checks
from dynanoise_export.validation.case import Case
from dynanoise_export.validation.check import Check, CheckCode, not_applicable, not_run
from dynanoise_export.validation.findings import explained
from dynanoise_export.validation.leak_checks import NO_NOISE, distributions
from dynanoise_export.validation.noise_alive import alive
from dynanoise_export.validation.noise_audit import audit
from dynanoise_export.validation.noise_law import UNRECOVERABLE
from dynanoise_export.validation.noise_reach import DRAWS, reaches_every_class
from dynanoise_export.validation.probing import Inside
from dynanoise_export.validation.repeated_answers import Again, query_repeatedly
from dynanoise_export.validation.repetition_checks import answers_repeat
from dynanoise_export.validation.sample_size import calls_needed, rows_needed

# A large model with few classes needs many calls for a sharp audit; beyond this many answers it is less sharp.
MOST_ANSWERS = 16_000
AUDITING = Step("Auditing the noise")
CHOOSES = "the noise of this defence chooses among answers"


def no_noise(case: Case, predictor: Predictor, progress: Progress) -> Iterator[Check]:
    """Judge a defence that takes no noise by its answers."""
    yield not_applicable(CheckCode.NOISE_REACHES_EVERY_CLASS, NO_NOISE)
    yield not_applicable(CheckCode.NOISE_AUDIT, NO_NOISE)
    yield not_applicable(CheckCode.GENERATOR, NO_NOISE)
    try:
        answers = query_repeatedly(case.model.endpoint, case.rows, case.model.answers, 3, progress).warmed_up()
    except UserError as error:
        yield not_run(CheckCode.ANSWER_PARITY, reason_of(error))
        return
    yield distributions(answers.calls)
    yield parity_checks.answer_parity(case, answers.calls[0])
    if answers.permuted.shape == case.expected.shape:
        yield from answers_repeat(case, predictor, answers)


def fed_noise(case: Case, few: Case, predictor: Predictor) -> Iterator[Check]:
    """Judge a model that takes its noise as an input.

    Args:
        case: of the model.
        few: the same with fewer rows, for the checks that need no more.
        predictor: an open session of it.
    """
    try:
        checks = input_noise_checks.fed_noise(few, predictor)
        checks.append(_reaches(case, input_noise_checks.answers_to_other_noise(case, predictor)))
    except UserError as error:
        checks = [not_run(code, reason_of(error)) for code in input_noise_checks.CODES]
    yield from checks


def keyed_noise(
    case: Case, predictor: Predictor, inside: Inside | None, noise: KeyedNoise, progress: Progress
) -> Iterator[Check]:
    """Judge a model with keyed noise.

    Args:
        case: of the model.
        predictor: an open session of it.
        inside: what the probe of its graph gave; None if its graph can't be seen.
        noise: its key and grids.
        progress: called with each step.
    """
    code = CheckCode.KEYED_NOISE
    try:
        answers = query_repeatedly(case.model.endpoint, case.rows, case.model.answers, 3, progress).warmed_up()
        sound = distributions(answers.calls)
        yield sound
        # Only a probe shows whether other noise would change an answer.
        changing = answers.calls if inside is None else inside.answers
        yield _reaches(case, changing, repeats=inside is None)
        if not sound.passed or answers.permuted.shape != case.expected.shape:
            yield not_run(code, "the answers are not distributions over the reference's classes")
            return
        progress(AUDITING)
        logits = case.expected if inside is None else inside.logits
        keyed = keyed_checks.KeyedCase(case, logits, answers, noise.tables(case.expected.shape[1]))
        yield from keyed_checks.keyed_noise(keyed, predictor)
        yield from keyed_checks.follows_the_key(noise, keyed)
    except UserError as error:
        yield not_run(code, reason_of(error))


def random_noise(case: Case, logits: Floats, progress: Progress) -> Iterator[Check]:
    """Judge a model that draws its own noise.

    Args:
        case: of the model.
        logits: [n, k], the file's own logits of the case's rows, up to a constant per row.
        progress: called with each step.
    """
    known = generator_checks.known_of(case)
    checks = _audited(case, logits, progress)
    yield from (generator_checks.excused(check, known) for check in checks)
    yield generator_checks.generator(known)


def _audited(case: Case, logits: Floats, progress: Progress) -> Iterator[Check]:
    code, law = CheckCode.NOISE_AUDIT, case.defence.law
    affordable = max(2, MOST_ANSWERS // row_count(case.rows))
    wanted = 2 if law is None else calls_needed(logits, law) - 1  # one more is sent in another order
    try:
        answers = query_repeatedly(
            case.model.endpoint, case.rows, case.model.answers, min(wanted, affordable), progress
        )
    except UserError as error:
        yield not_run(code, reason_of(error))
        return
    sound = distributions(answers.calls)
    yield sound
    fresh = [answers.put_in_order, *answers.others[Again.BETWEEN_THREADS], *answers.calls]
    yield _reaches(case, np.stack(fresh[:DRAWS]))
    if law is None:
        yield not_applicable(code, keyed_checks.UNKNOWN_LAW)
        code = CheckCode.NOISE_ALIVE
    if answers.permuted.shape != logits.shape:
        shapes = f"the answers have the shape {list(answers.permuted.shape)} and the logits {list(logits.shape)}"
        yield not_run(code, shapes)
    elif law is None:
        yield alive(answers, generator_checks.known_of(case))
    elif not sound.passed:
        yield not_run(code, "noise can only be recovered from probabilities")
    else:
        progress(AUDITING)
        for check in audit(logits, answers, law, keep_label=case.defence.keep_label):
            yield explained(check, lambda: _too_little(logits, law))


def _reaches(case: Case, answers: Floats, *, repeats: bool = False) -> Check:
    """Check that noise that is added reaches every class; noise that chooses among answers need not."""
    if not case.defence.adds_noise:
        return not_applicable(CheckCode.NOISE_REACHES_EVERY_CLASS, CHOOSES)
    return reaches_every_class(answers, repeats=repeats)


def _too_little(logits: Floats, law: NoiseLaw) -> str:
    """Say why an audit of random noise has too little of it, and what helps; more calls make up for few rows."""
    if rows_needed(logits, law) is None:
        return UNRECOVERABLE
    if len(logits) == 1:
        return "one row has no other to be compared with; give --data with at least 2 rows"
    return f"at this temperature float32 gives back too little of the noise of {MOST_ANSWERS:,} answers"
