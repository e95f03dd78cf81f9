"""The one table of what is known about noise: whether each source is alive and strong at each endpoint.

Dead noise is the same for every query. Weak noise can be predicted, or repeats where it should not. The rest of the
library uses this table; docs/noise.md shows it, and a test compares the two.
"""

from dataclasses import dataclass
from enum import StrEnum

from dynanoise_export.noise.source import NoiseSource


class Where(StrEnum):
    """Where a defended model runs."""

    ONNXRUNTIME_CPU = "onnxruntime-cpu"
    ONNXRUNTIME_CPU_OPERATORS = "onnxruntime-cpu-operators"
    ONNXRUNTIME_CUDA = "onnxruntime-cuda"
    ONNXRUNTIME_CUDA_OPERATORS = "onnxruntime-cuda-operators"
    ONNXRUNTIME_CUDA_GRAPH = "onnxruntime-cuda-graph"
    ONNXRUNTIME_TENSORRT = "onnxruntime-tensorrt"
    TENSORRT = "tensorrt"
    TENSORRT_RTX = "tensorrt-rtx"
    TRITON_ONNXRUNTIME = "triton-onnxruntime"
    TRITON_TENSORRT = "triton-tensorrt"
    TRITON_PYTHON = "triton-python"
    TRITON_CACHE = "triton-cache"
    SERVER = "server"

    @property
    def full_name(self) -> str:
        """Its name for people."""
        return _TITLES[self]


_TITLES = {
    Where.ONNXRUNTIME_CPU: "ONNX Runtime on the CPU",
    Where.ONNXRUNTIME_CPU_OPERATORS: "ONNX Runtime on the CPU with the operators",
    Where.ONNXRUNTIME_CUDA: "ONNX Runtime with CUDA",
    Where.ONNXRUNTIME_CUDA_OPERATORS: "ONNX Runtime with CUDA and the operators",
    Where.ONNXRUNTIME_CUDA_GRAPH: "ONNX Runtime with CUDA graphs",
    Where.ONNXRUNTIME_TENSORRT: "ONNX Runtime with TensorRT",
    Where.TENSORRT: "TensorRT",
    Where.TENSORRT_RTX: "TensorRT-RTX",
    Where.TRITON_ONNXRUNTIME: "Triton with several instances of the onnxruntime backend",
    Where.TRITON_TENSORRT: "Triton with several instances of the tensorrt backend",
    Where.TRITON_PYTHON: "Triton's python backend",
    Where.TRITON_CACHE: "Triton with a response cache",
    Where.SERVER: "a server that does not say what it runs",
}


class Life(StrEnum):
    """Whether noise changes at all."""

    ALIVE = "alive"
    DEAD = "dead"
    UNKNOWN = "not known"


class Strength(StrEnum):
    """Whether noise withstands somebody who wants to remove it."""

    STRONG = "strong"
    WEAK = "weak"
    AS_FED = "as strong as what feeds it"
    UNKNOWN = "not known"


class Evidence(StrEnum):
    """How something was found out."""

    RUN = "run"
    READ = "read, not run"
    INFERRED = "inferred, not run"
    NONE = "nothing known"


@dataclass(frozen=True)
class Judgement:
    """What is known about a source at an endpoint.

    Attributes:
        source: of the noise.
        where: the file runs.
        life: whether the noise is alive there.
        strength: whether it is strong there.
        why: one sentence, without a full stop.
        evidence: how it was found out.
        seen: what was run or built, for people; empty if nothing was.
        sessions_repeat: whether a second session in the same process draws the same noise; None if not known.
        instances_repeat: whether several instances on a server draw the same noise; None if not known.
    """

    source: NoiseSource
    where: Where
    life: Life
    strength: Strength
    why: str
    evidence: Evidence
    seen: str = ""
    sessions_repeat: bool | None = False
    instances_repeat: bool | None = False


RANDOM, INPUT, KEYED = NoiseSource.RANDOM, NoiseSource.INPUT, NoiseSource.KEYED
_REPEATS_ANYWAY = "the noise repeats with the query anyway"
_FROM_THE_KEY = "whole numbers and a secret table, exact on every runtime; docs/keyed-noise.md says against whom"

_FED_WHERE_RUN = (Where.ONNXRUNTIME_CPU, Where.ONNXRUNTIME_CPU_OPERATORS, Where.TRITON_PYTHON)

JUDGEMENTS = (
    Judgement(RANDOM, Where.ONNXRUNTIME_CPU, Life.ALIVE, Strength.WEAK,
              "the generator has 31 bits of state that start from the clock, and sessions that one process opens draw "
              "the same noise: 64 answers to one query reveal the rest",
              Evidence.RUN, "`validate` sees the sessions repeat; `attack` can find the state in seconds",
              sessions_repeat=True, instances_repeat=True),
    Judgement(RANDOM, Where.ONNXRUNTIME_CPU_OPERATORS, Life.ALIVE, Strength.STRONG,
              "ChaCha with 12 rounds, and for each call a new key of 256 bits from the operating system",
              Evidence.RUN, "`validate --operators`"),
    Judgement(RANDOM, Where.ONNXRUNTIME_CUDA_OPERATORS, Life.ALIVE, Strength.STRONG,
              "ChaCha with 12 rounds, a key of 256 bits from the operating system for each session, and a counter on "
              "the GPU", Evidence.INFERRED),
    Judgement(RANDOM, Where.ONNXRUNTIME_CUDA, Life.ALIVE, Strength.UNKNOWN,
              "a Philox generator, seeded by the host for each call",
              Evidence.RUN, "on an H100 and an H200: fresh between calls, threads, sessions and processes"),
    Judgement(RANDOM, Where.ONNXRUNTIME_CUDA_GRAPH, Life.DEAD, Strength.WEAK,
              "the kernel gets its seed by value, and a captured graph passes the same seed each time",
              Evidence.RUN, "digits and AlexNet on an H200: every replay gave the same answers"),
    Judgement(RANDOM, Where.ONNXRUNTIME_TENSORRT, Life.UNKNOWN, Strength.UNKNOWN,
              "what seeds the engine is not documented", Evidence.NONE, sessions_repeat=None),
    Judgement(RANDOM, Where.TENSORRT, Life.UNKNOWN, Strength.UNKNOWN,
              "its ONNX parser ignores `seed`, and what seeds the engine is not documented", Evidence.READ,
              sessions_repeat=None),
    Judgement(RANDOM, Where.TENSORRT_RTX, Life.DEAD, Strength.WEAK,
              "the CUDA source in each plan starts the generator from one and the same constant at every run",
              Evidence.READ, "in the plans that were built, as `compile` reads them", sessions_repeat=True),
    Judgement(RANDOM, Where.TRITON_ONNXRUNTIME, Life.ALIVE, Strength.WEAK,
              "instances are sessions of one process and draw the same noise: `triton` writes one instance, on the CPU",
              Evidence.RUN, "two sessions, not in Triton", instances_repeat=True),
    Judgement(RANDOM, Where.TRITON_TENSORRT, Life.UNKNOWN, Strength.UNKNOWN,
              "what seeds TensorRT's noise is not documented, nor whether instances share it: `triton` writes one "
              "instance, on one GPU",
              Evidence.NONE, instances_repeat=None),
    Judgement(RANDOM, Where.TRITON_PYTHON, Life.ALIVE, Strength.WEAK,
              "each instance is a process with its own generator, so instances do not repeat each other, but it has 31 "
              "bits of state, and a few exact noise values reveal the rest",
              Evidence.RUN, "6,400 answers of two instances were all different"),
    Judgement(RANDOM, Where.TRITON_CACHE, Life.ALIVE, Strength.WEAK,
              "a repeated query is answered from the cache, with the same noise while it is held there",
              Evidence.RUN, "200 repeats got 1 answer"),
    *(
        Judgement(INPUT, where, Life.ALIVE, Strength.AS_FED,
                  "the server must draw the noise and let no client choose it, as `model.py` of `triton` does: it "
                  "draws from the operating system's generator, fresh for each row and in each instance",
                  Evidence.RUN if where in _FED_WHERE_RUN else Evidence.INFERRED)
        for where in Where
    ),
    Judgement(KEYED, Where.ONNXRUNTIME_CPU, Life.ALIVE, Strength.STRONG, _FROM_THE_KEY,
              Evidence.RUN, "`validate`, 100,000 queries"),
    Judgement(KEYED, Where.ONNXRUNTIME_CPU_OPERATORS, Life.ALIVE, Strength.STRONG, _FROM_THE_KEY,
              Evidence.RUN, "`validate --operators`"),
    Judgement(KEYED, Where.ONNXRUNTIME_CUDA_OPERATORS, Life.ALIVE, Strength.STRONG, _FROM_THE_KEY, Evidence.INFERRED),
    Judgement(KEYED, Where.ONNXRUNTIME_CUDA, Life.ALIVE, Strength.STRONG,
              "whole numbers and a secret table; but with TF32, the default there, the logits are so coarse that some "
              "queries get other noise in another batch: set `use_tf32` to 0, as this library's own sessions do",
              Evidence.RUN, "`validate` on an H100 and an H200 passes without TF32 and fails with it"),
    Judgement(KEYED, Where.ONNXRUNTIME_CUDA_GRAPH, Life.ALIVE, Strength.STRONG, _FROM_THE_KEY,
              Evidence.RUN, "on an H200, the same answers as outside a graph"),
    Judgement(KEYED, Where.ONNXRUNTIME_TENSORRT, Life.ALIVE, Strength.STRONG, _FROM_THE_KEY, Evidence.INFERRED),
    Judgement(KEYED, Where.TENSORRT, Life.ALIVE, Strength.STRONG, _FROM_THE_KEY, Evidence.INFERRED),
    Judgement(KEYED, Where.TENSORRT_RTX, Life.ALIVE, Strength.STRONG, _FROM_THE_KEY, Evidence.READ,
              "plans of every target were built, in float32 and float16"),
    Judgement(KEYED, Where.TRITON_ONNXRUNTIME, Life.ALIVE, Strength.STRONG, _REPEATS_ANYWAY, Evidence.INFERRED),
    Judgement(KEYED, Where.TRITON_TENSORRT, Life.ALIVE, Strength.STRONG, _REPEATS_ANYWAY, Evidence.INFERRED),
    Judgement(KEYED, Where.TRITON_PYTHON, Life.ALIVE, Strength.STRONG, _REPEATS_ANYWAY,
              Evidence.RUN, "two instances, 5.8 million rows"),
    Judgement(KEYED, Where.TRITON_CACHE, Life.ALIVE, Strength.STRONG, _REPEATS_ANYWAY,
              Evidence.RUN, "200 repeats, 199 from the cache, got the file's answer"),
)  # fmt: skip

_BY_KEY = {(judged.source, judged.where): judged for judged in JUDGEMENTS}


def judgement(source: NoiseSource, where: Where) -> Judgement:
    """Look up what is known about a source at an endpoint; a row that says "not known" if nothing is."""
    unknown = Judgement(
        source, where, Life.UNKNOWN, Strength.UNKNOWN, "nothing is known", Evidence.NONE, sessions_repeat=None
    )
    return _BY_KEY.get((source, where), unknown)


def weaknesses(source: NoiseSource) -> tuple[tuple[Where, ...], tuple[Where, ...]]:
    """List where a source is weak but alive, and where it is dead."""
    own = [judged for judged in JUDGEMENTS if judged.source is source]
    dead = tuple(judged.where for judged in own if judged.life is Life.DEAD)
    weak = tuple(judged.where for judged in own if judged.strength is Strength.WEAK and judged.where not in dead)
    return weak, dead
