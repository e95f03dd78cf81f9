"""How good the noise of a place is: a weakness there, which is no fault of the file."""

import dataclasses

from dynanoise_export.runtimes.predictor import Endpoint
from dynanoise_export.validation.check import Check
from dynanoise_export.validation.repeated_answers import SESSIONS

WAY_OUT = "export with --noise input and feed it from the server's own generator"


def generator(place: Endpoint) -> Check:
    """Tell what is known of the random numbers that are drawn there."""
    name = "generator"
    if not place.generator:
        return Check(name, True, None, None, "Nothing is known against the random numbers that are drawn there.")
    return Check(name, False, None, None, f"{place.generator}. Where that matters, {WAY_OUT}.", warning=True)


def as_known(check: Check, place: Endpoint) -> Check:
    """Make a warning of sessions that repeat each other where they are known to, whatever the file."""
    if check.passed or not (place.sessions_repeat and check.name.endswith(SESSIONS)):
        return check
    detail = f"{check.detail} Sessions that one process opens repeat each other there: {WAY_OUT}."
    return dataclasses.replace(check, detail=detail, warning=True)
