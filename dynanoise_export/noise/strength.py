"""What is known of each noise source in each place where a file may run: is the noise alive, and is it strong.

Dead noise is the same for every query; weak noise can be predicted, or repeats where it should not.
"""

from dataclasses import dataclass
from enum import StrEnum

from dynanoise_export.parameters import NoiseSource


class Life(StrEnum):
    """Whether noise changes at all."""

    ALIVE = "alive"
    DEAD = "dead"
    UNKNOWN = "not known"


class Strength(StrEnum):
    """Whether noise withstands somebody who wants to take it off."""

    STRONG = "strong"
    WEAK = "weak"
    SERVER = "as strong as what feeds it"
    UNKNOWN = "not known"


@dataclass(frozen=True)
class Judgement:
    """What is known of a source in a place.

    Attributes:
        source: of the noise.
        place: where the file runs, in words.
        life: whether the noise is alive there.
        strength: whether it is strong there.
        why: one sentence.
        seen: how it was seen: run, read or inferred.
    """

    source: NoiseSource
    place: str
    life: Life
    strength: Strength
    why: str
    seen: str


RANDOM, INPUT, KEYED = NoiseSource.RANDOM, NoiseSource.INPUT, NoiseSource.KEYED
JUDGEMENTS = (
    Judgement(RANDOM, "ONNX Runtime on the CPU", Life.ALIVE, Strength.WEAK,
              "31 bits of state that start from the clock; sessions that one process opens draw the same noise",
              "run: `validate` sees the sessions repeat; four exact values gave the rest"),
    Judgement(RANDOM, "ONNX Runtime with CUDA", Life.ALIVE, Strength.UNKNOWN,
              "a Philox generator, seeded by the host for each call", "read, not run"),
    Judgement(RANDOM, "ONNX Runtime with CUDA graphs", Life.DEAD, Strength.WEAK,
              "the seed is handed to the kernel by value, and a captured graph hands over the same one each time",
              "inferred, not run"),
    Judgement(RANDOM, "TensorRT", Life.UNKNOWN, Strength.UNKNOWN,
              "its ONNX parser ignores `seed`; what seeds the engine is not documented", "read, not run"),
    Judgement(RANDOM, "TensorRT-RTX", Life.DEAD, Strength.WEAK,
              "the CUDA source in each plan starts the generator from one and the same constant at every run",
              "read from plans that were built, as `compile` reads them, not run"),
    Judgement(RANDOM, "Triton with several instances of the onnxruntime backend", Life.ALIVE, Strength.WEAK,
              "they are sessions of one process, which draw the same noise: `triton` refuses it",
              "run with two sessions, not in Triton"),
    Judgement(RANDOM, "Triton's python backend", Life.ALIVE, Strength.WEAK,
              "each instance is a process with a generator of its own, of 31 bits",
              "run: 6,400 answers of two instances were all different"),
    Judgement(RANDOM, "Triton with a response cache", Life.ALIVE, Strength.WEAK,
              "a repeated query is answered from the cache, with the same noise for as long as it is held there",
              "run: 200 repeats got 1 answer"),
    Judgement(INPUT, "everywhere", Life.ALIVE, Strength.SERVER,
              "a server must draw it, and let no client choose it, as the python backend of `triton` does",
              "run in ONNX Runtime, and in Triton's python backend"),
    Judgement(KEYED, "ONNX Runtime on the CPU", Life.ALIVE, Strength.STRONG,
              "as keyed-noise.md says, against whom and against whom not", "run: `validate`, 100,000 queries"),
    Judgement(KEYED, "ONNX Runtime with CUDA", Life.ALIVE, Strength.STRONG,
              "the same whole numbers, exact in TF32 too", "inferred, not run"),
    Judgement(KEYED, "TensorRT, TensorRT-RTX", Life.ALIVE, Strength.STRONG,
              "the same operators, and no random one",
              "TensorRT-RTX plans of every target built, in float32 and float16, not run"),
    Judgement(KEYED, "Triton with several instances", Life.ALIVE, Strength.STRONG,
              "the noise repeats with the query anyway", "run: two instances of the python backend, 5.8 million rows"),
    Judgement(KEYED, "Triton with a response cache", Life.ALIVE, Strength.STRONG,
              "the noise repeats with the query anyway", "run: 200 repeats, 199 from the cache, got the file's answer"),
)  # fmt: skip


def warning(source: NoiseSource) -> str | None:
    """Tell in one line where a source is weak or dead, or None where nothing is known against it."""
    weak = [judged.place for judged in JUDGEMENTS if judged.source is source and judged.strength is Strength.WEAK]
    dead = [judged.place for judged in JUDGEMENTS if judged.source is source and judged.life is Life.DEAD]
    if not weak:
        return None
    alive = ", ".join(place for place in weak if place not in dead)
    return f"weak in {alive}; dead in {', '.join(dead)}" if dead else f"weak in {alive}"
