from pathlib import Path

import pytest

from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.noise.strength import JUDGEMENTS, Evidence, Life, Strength, Where, judgement, weaknesses

DOCUMENT = Path(__file__).parents[3] / "docs" / "noise.md"
PAIRS = [(source, where) for source in NoiseSource for where in Where if where is not Where.SERVER]


def table_of_the_document():
    """Read the table: (source, title of the endpoint) to (life, strength, evidence); a row may list several titles."""
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("| ")][1:]
    pairs = [((source, title), (*known, evidence)) for source, titles, *known, _, evidence in rows
             for title in titles.split(", ")]  # fmt: skip
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def test_the_docs_show_the_table():
    table = {
        (judged.source.value, judged.where.full_name): (judged.life.value, judged.strength.value, judged.evidence.value)
        for judged in JUDGEMENTS
    }
    assert table_of_the_document() == table


def test_no_pair_is_judged_twice():
    assert len({(judged.source, judged.where) for judged in JUDGEMENTS}) == len(JUDGEMENTS)


@pytest.mark.parametrize(("source", "where"), PAIRS)
def test_every_pair_of_a_source_and_an_endpoint_is_judged(source, where):
    judged = judgement(source, where)
    assert judged in JUDGEMENTS
    assert (judged.source, judged.where) == (source, where)
    assert judged.why
    assert not judged.why.endswith(".")


@pytest.mark.parametrize("source", list(NoiseSource))
def test_nothing_is_known_about_a_server_that_does_not_say_what_it_runs(source):
    judged = judgement(source, Where.SERVER)
    fed = source is NoiseSource.INPUT  # which depends on what feeds it, wherever the model runs
    assert judged.life is (Life.ALIVE if fed else Life.UNKNOWN)
    assert judged.strength is (Strength.AS_FED if fed else Strength.UNKNOWN)
    assert judged.evidence is (Evidence.INFERRED if fed else Evidence.NONE)
    assert judged.sessions_repeat is (False if fed else None)


def test_dead_noise_is_never_strong_and_unknown_noise_is_never_known_to_be_strong():
    for judged in JUDGEMENTS:
        if judged.life is Life.DEAD:
            assert judged.strength is Strength.WEAK
        if judged.life is Life.UNKNOWN:
            assert judged.strength is Strength.UNKNOWN
        if judged.evidence is Evidence.NONE:
            assert judged.life is Life.UNKNOWN


def test_noise_that_repeats_between_sessions_or_instances_is_weak():
    for judged in JUDGEMENTS:
        if judged.sessions_repeat or judged.instances_repeat:
            assert judged.strength is Strength.WEAK


def test_the_weaknesses_of_random_noise_are_where_it_is_weak_and_where_it_is_dead():
    weak, dead = weaknesses(NoiseSource.RANDOM)
    assert dead == (Where.ONNXRUNTIME_CUDA_GRAPH, Where.TENSORRT_RTX)
    assert weak == (Where.ONNXRUNTIME_CPU, Where.TRITON_ONNXRUNTIME, Where.TRITON_PYTHON, Where.TRITON_CACHE)


@pytest.mark.parametrize("source", [NoiseSource.INPUT, NoiseSource.KEYED])
def test_the_other_sources_have_no_known_weakness(source):
    assert weaknesses(source) == ((), ())


def test_every_endpoint_has_a_name_for_people():
    names = [where.full_name for where in Where]
    assert len(set(names)) == len(names)
