"""What one check found."""

from dataclasses import dataclass
from enum import StrEnum


class CheckCode(StrEnum):
    """The checks of `validate`. Programs look at the code; the sentence may change at any time."""

    WELL_FORMED = "well-formed"
    OPENS = "opens"
    BATCH_AXIS = "batch-axis"

    GRAPH_SEEN = "graph-seen"
    NO_LEAK = "no-leak"
    NO_SEED = "no-seed"
    LIVE_DRAWS = "live-draws"
    NO_OVERRIDABLE_WEIGHT = "no-overridable-weight"
    ANSWERS_ARE_PROBABILITIES = "answers-are-probabilities"

    STATED_PARAMETERS = "stated-parameters"
    NOTHING_BUT_THE_DEFENCE = "nothing-but-the-defence"
    LOGITS_ARE_DEFENDED = "logits-are-defended"
    MODEL_PARITY = "model-parity"
    LOGITS_REPEAT = "logits-repeat"
    SAME_LABELS = "same-labels"
    DEFENCE_PARITY = "defence-parity"
    KEPT_LABELS = "kept-labels"
    ANSWER_PARITY = "answer-parity"

    NOTHING_BUT_THE_GUARD = "nothing-but-the-guard"
    GUARD_HOLDS = "guard-holds"
    GUARD_LEAVES_ROWS = "guard-leaves-rows"

    NOISE_REACHES_EVERY_CLASS = "noise-reaches-every-class"
    NOISE_AUDIT = "noise-audit"
    NOISE_RECOVERED = "noise-recovered"
    NOISE_MEAN = "noise-mean"
    NOISE_AGAINST_LOGITS = "noise-against-logits"
    NOISE_DISTRIBUTION = "noise-distribution"
    NOISE_TAILS = "noise-tails"
    NOISE_VARIANCE = "noise-variance"
    NOISE_VARIANCE_OVER_SENSITIVITY = "noise-variance-over-sensitivity"
    NOISE_VARIANCE_OVER_CLASSES = "noise-variance-over-classes"
    NOISE_VARIANCE_OVER_QUERIES = "noise-variance-over-queries"
    NOISE_VARIANCE_OVER_POSITIONS = "noise-variance-over-positions"
    NOISE_BETWEEN_CLASSES = "noise-between-classes"
    NOISE_ALONG_CLASSES = "noise-along-classes"
    NOISE_BETWEEN_ROWS = "noise-between-rows"
    NOISE_BETWEEN_CALLS = "noise-between-calls"
    NOISE_REPEATED = "noise-repeated"
    NOISE_BOUND_TO_POSITION = "noise-bound-to-position"
    NOISE_FRESH_BETWEEN_THREADS = "noise-fresh-between-threads"
    NOISE_FRESH_BETWEEN_SESSIONS = "noise-fresh-between-sessions"
    NOISE_FRESH_BETWEEN_PROCESSES = "noise-fresh-between-processes"
    NOISE_ALIVE = "noise-alive"
    GENERATOR = "generator"

    FED_NOISE_REPEATS = "fed-noise-repeats"
    FED_NOISE_IN_ANOTHER_ORDER = "fed-noise-in-another-order"
    FED_NOISE_IS_USED = "fed-noise-is-used"
    FED_NOISE_PARITY = "fed-noise-parity"

    KEYED_NOISE = "keyed-noise"
    NOISE_ON_EDGES = "noise-on-edges"
    NOISE_SHARED = "noise-shared"
    NOISE_OF_NEIGHBOURING_CELLS = "noise-of-neighbouring-cells"
    NOISE_FOLLOWS_EVERY_BIT_OF_THE_KEY = "noise-follows-every-bit-of-the-key"

    ANSWERS_REPEAT_FROM_THE_FIRST_CALL = "answers-repeat-from-the-first-call"
    ANSWERS_REPEAT_BETWEEN_CALLS = "answers-repeat-between-calls"
    ANSWERS_REPEAT_IN_ANOTHER_ORDER = "answers-repeat-in-another-order"
    ANSWERS_REPEAT_ONE_BY_ONE = "answers-repeat-one-by-one"
    ANSWERS_REPEAT_BETWEEN_THREADS = "answers-repeat-between-threads"
    ANSWERS_REPEAT_BETWEEN_SESSIONS = "answers-repeat-between-sessions"
    ANSWERS_REPEAT_BETWEEN_PROCESSES = "answers-repeat-between-processes"

    SURVIVES_ONNXRUNTIME_NO_OPTIMISATION = "survives-onnxruntime-no-optimisation"
    SURVIVES_ONNXRUNTIME_BASIC = "survives-onnxruntime-basic"
    SURVIVES_ONNXRUNTIME_EXTENDED = "survives-onnxruntime-extended"
    SURVIVES_ONNXRUNTIME_ALL = "survives-onnxruntime-all"
    SURVIVES_ONNXRUNTIME_OFFLINE = "survives-onnxruntime-offline"
    SURVIVES_ONNXSLIM = "survives-onnxslim"


class Outcome(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    WARNING = "warning"
    NOT_RUN = "not-run"
    NOT_APPLICABLE = "not-applicable"


@dataclass(frozen=True)
class Check:
    """What one check found.

    Attributes:
        code: which check it is.
        outcome: how it ended. A warning points to a weakness of the endpoint, not to a wrong model; a check that could
            not be run is not a pass; one that does not apply to the model's defence is.
        value: what was measured; None if nothing was.
        limit: the largest value that passes, in the same unit; None if nothing was measured.
        detail: one sentence for people.
    """

    code: CheckCode
    outcome: Outcome
    value: float | None
    limit: float | None
    detail: str

    @property
    def name(self) -> str:
        """The code in words."""
        return self.code.replace("-", " ")

    @property
    def passed(self) -> bool:
        """Whether the check passed, or does not apply."""
        return self.outcome in (Outcome.PASSED, Outcome.NOT_APPLICABLE)


def judge(code: CheckCode, value: float, limit: float, detail: str, *, otherwise: Outcome = Outcome.FAILED) -> Check:
    """Make a check that passes if the value is at most the limit, and ends as `otherwise` if not; NaN never passes."""
    outcome = Outcome.PASSED if value <= limit else otherwise
    return Check(code, outcome, float(value), float(limit), detail)


def passed(code: CheckCode, detail: str) -> Check:
    """Make a check that passed without a measured value."""
    return Check(code, Outcome.PASSED, None, None, detail)


def failed(code: CheckCode, detail: str) -> Check:
    """Make a check that failed without a measured value."""
    return Check(code, Outcome.FAILED, None, None, detail)


def warn(code: CheckCode, detail: str) -> Check:
    """Make a warning without a measured value."""
    return Check(code, Outcome.WARNING, None, None, detail)


def not_run(code: CheckCode, reason: str) -> Check:
    """Make a check that could not be run, which is not a pass; the reason has no full stop."""
    return Check(code, Outcome.NOT_RUN, None, None, f"Not run: {reason}.")


def not_applicable(code: CheckCode, reason: str) -> Check:
    """Make a check that does not apply to the model; the reason has no full stop."""
    return Check(code, Outcome.NOT_APPLICABLE, None, None, f"Not applicable: {reason}.")
