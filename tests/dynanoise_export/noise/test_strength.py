from pathlib import Path

from dynanoise_export.noise.strength import JUDGEMENTS, Life, warning
from dynanoise_export.parameters import NoiseSource

DOCUMENT = Path(__file__).parents[3] / "docs" / "noise.md"


def test_the_docs_hold_the_table():
    rows = [line for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith("| ")][1:]
    assert rows == [f"| {' | '.join((j.source, j.endpoint, j.life, j.strength, j.why, j.seen))} |" for j in JUDGEMENTS]


def test_every_source_is_judged():
    assert {judged.source for judged in JUDGEMENTS} == set(NoiseSource)


def test_one_line_says_where_random_noise_is_weak_and_where_it_is_dead():
    told = warning(NoiseSource.RANDOM)
    assert told is not None
    assert told.count("\n") == 0
    weak, dead = told.split("; dead in ")
    assert "ONNX Runtime on the CPU" in weak
    assert all(j.endpoint in dead for j in JUDGEMENTS if j.life is Life.DEAD)


def test_nothing_is_known_against_the_others():
    assert warning(NoiseSource.INPUT) is None
    assert warning(NoiseSource.KEYED) is None
