import numpy as np
import pytest

from dynanoise_export.attacks.queries.query_plan import DISTANCES, NEARBY, plan_queries
from dynanoise_export.attacks.queries.variants import TRANSFORMS
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.keep_label import keeping_label
from dynanoise_export.defences.temperature import Temperature

TABLE = {"x": np.zeros((3, 4), np.float32)}
IMAGES = {"x": np.zeros((3, 3, 8, 8), np.float32)}
WORDS = {"ids": np.zeros((3, 8), np.int64)}


def counts(plan):
    return {stage.name: stage.count for stage in plan.stages}


def test_each_number_of_repeats_goes_on_from_the_one_before():
    plan = plan_queries(TABLE, DynaNoise(), [16, 4, 16])
    assert [stage.count for stage in plan.repeats] == [1, 3, 12]
    assert len({stage.name for stage in plan.stages}) == len(plan.stages)


def test_a_model_with_noise_gets_repeats_near_duplicates_and_neighbours():
    plan = plan_queries(TABLE, DynaNoise(), [1, 16])
    assert tuple(plan.near_duplicates) == DISTANCES
    assert sum(counts(plan).values()) == 16 + NEARBY * (len(DISTANCES) + 1)
    assert plan.transformed is None


@pytest.mark.parametrize("keep", [False, True])
def test_without_noise_there_is_nothing_to_average(keep):
    for defence in (None, keeping_label(Temperature(), keep)):
        plan = plan_queries(TABLE, defence, [1, 16, 256])
        assert sum(stage.count for stage in plan.repeats) == 1
        assert not plan.near_duplicates
        assert plan.neighbours.count == NEARBY


def test_images_are_transformed_too():
    plan = plan_queries(IMAGES, DynaNoise(), [1])
    assert plan.transformed.count == TRANSFORMS


def test_integers_have_no_near_duplicates():
    plan = plan_queries(WORDS, DynaNoise(), [1, 2])
    assert sum(counts(plan).values()) == 2
    assert not plan.near_duplicates
    assert plan.neighbours is plan.transformed is None
