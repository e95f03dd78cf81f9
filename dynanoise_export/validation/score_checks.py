"""Does a defence take logits, or the logarithm of probabilities, and nothing else that a model may give."""

from dynanoise_export.graph.logits import Ending, behind
from dynanoise_export.graph.probe import DefenceInput
from dynanoise_export.probabilities import are_probabilities
from dynanoise_export.sources.score_values import Doubt, doubt_about
from dynanoise_export.types import Floats
from dynanoise_export.validation.check import Check, CheckCode, failed, not_run, passed, warn

# With fewer rows, values often look like something else by chance.
FEWEST_ROWS = 8

SIGMOIDS = "are made by a sigmoid, one for each class"
PROBABILITIES = "are probabilities: they lie between 0 and 1, and each row sums to 1"
NO_DISTRIBUTIONS = "are not distributions over the classes"


def logits_are_defended(taken: DefenceInput, values: Floats, *, confirmed: bool, treated_as: str | None) -> Check:
    """Check what a defence takes: logits, or probabilities, of which it takes the logarithm.

    Args:
        taken: the value that the defence takes, in the graph.
        values: [n, k], what it is on the rows of data.
        confirmed: whether the values are known to be logits, because the reference's own answers are their softmax.
        treated_as: what the user said that the values are; None if nothing.
    """
    code, name = CheckCode.LOGITS_ARE_DEFENDED, taken.value.name
    if values.ndim != 2:
        return not_run(code, f"the values of {name} have the shape {list(values.shape)}, and not [n, k]")
    if taken.probabilities:
        kind, seen = "probabilities", None if are_probabilities(values) else NO_DISTRIBUTIONS
    else:
        kind, seen = "logits", None if confirmed else _seen(taken, values)
    if seen is None:
        how = f"the logarithm of {name}, which are" if taken.probabilities else f"{name}, which can be"
        return passed(code, f"The defence takes {how} {kind}.")
    detail = f"The defence takes {name} for {kind}, and its values {seen}"
    if treated_as == kind:
        return warn(code, f"{detail}; the file was exported with --treat-as {kind}.")
    return failed(code, f"{detail}: export the model again with --logits NAME or --treat-as.")


def _seen(taken: DefenceInput, values: Floats) -> str | None:
    """Say what shows that the values are no logits; None if nothing does."""
    ending = behind(taken.value).ending
    if are_probabilities(values):
        return PROBABILITIES
    if ending is Ending.SIGMOID:
        return SIGMOIDS
    if ending is Ending.SORTED:
        return Doubt.SORTED.value
    doubt = doubt_about(values, linear=ending is Ending.LINEAR or len(values) < FEWEST_ROWS)
    return None if doubt is None else doubt.value
