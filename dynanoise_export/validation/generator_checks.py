"""How good the random numbers are where the model runs: a weakness there is not a fault of the model."""

import dataclasses

from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.noise.strength import Judgement, Strength, judgement
from dynanoise_export.validation.case import Case
from dynanoise_export.validation.check import Check, CheckCode, Outcome, passed, warn

WAY_OUT = "export with --noise input and feed it from the server's own generator"


def known_of(case: Case) -> Judgement:
    """Look up what is known about the noise where the model runs; noise of an unknown source counts as random."""
    return judgement(case.model.noise or NoiseSource.RANDOM, case.model.endpoint.where)


def generator(known: Judgement) -> Check:
    """Report what is known against the generator."""
    if known.strength is Strength.WEAK:
        return warn(CheckCode.GENERATOR, f"{known.where.full_name}: {known.why}. If that matters, {WAY_OUT}.")
    return passed(CheckCode.GENERATOR, f"No weakness is known of the generator of {known.where.full_name}.")


def excused(check: Check, known: Judgement) -> Check:
    """Make a warning of sessions with the same noise if sessions are known to repeat there, whatever the file."""
    between_sessions = check.code is CheckCode.NOISE_FRESH_BETWEEN_SESSIONS
    if check.outcome is not Outcome.FAILED or not between_sessions or known.sessions_repeat is not True:
        return check
    detail = f"{check.detail} Sessions that one process opens are known to repeat there: {WAY_OUT}."
    return dataclasses.replace(check, outcome=Outcome.WARNING, detail=detail)
