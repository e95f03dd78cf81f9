import numpy as np
import pytest

from dynanoise_export.errors import DataError, UsageError
from dynanoise_models.datasets.dataset import Dataset
from dynanoise_models.protocols import Protocol, settings_for, split
from dynanoise_models.targets import TARGETS
from dynanoise_models.training.settings import Optimizer, Schedule


def data(rows=1000, tested=100):
    x = np.arange(rows, dtype=np.float32)[:, None]
    return Dataset(x, np.arange(rows) % 2, np.arange(rows) >= rows - tested)


def parts_of(made):
    return [set(made.members.tolist()), set(made.non_members.tolist()), set(made.auxiliary.tolist())]


@pytest.mark.parametrize(("protocol", "counts"), [(Protocol.BALANCED, (405, 405, 90)), (Protocol.V1, (504, 126, 270))])
def test_the_parts_are_disjoint_of_the_stated_size_and_without_test_rows(protocol, counts):
    made = split(data(), protocol, seed=3)
    members, non_members, auxiliary = parts_of(made)
    assert (len(members), len(non_members), len(auxiliary)) == counts
    assert members | non_members | auxiliary == set(range(900))


def test_a_seed_always_gives_the_same_split_and_another_seed_another():
    first, again, other = (split(data(), Protocol.BALANCED, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.members, again.members)
    assert len(np.intersect1d(first.members, other.members)) < 300  # by chance 405 · 405 / 900 = 182


def test_fewer_rows_can_take_part_and_too_many_are_refused():
    assert sum(map(len, parts_of(split(data(), Protocol.BALANCED, 0, rows=100)))) == 100
    with pytest.raises(UsageError, match=r"--rows 901 .*900"):
        split(data(), Protocol.BALANCED, 0, rows=901)
    with pytest.raises(UsageError):
        split(data(), Protocol.BALANCED, 0, rows=1)


def test_only_one_of_equal_rows_takes_part():
    made = data(100, 0)
    made.x[50:] = made.x[:50]
    members, non_members, auxiliary = parts_of(split(made, Protocol.BALANCED, 0))
    assert members | non_members | auxiliary == set(range(50))


def test_published_weights_have_the_test_part_as_non_members():
    made = split(data(), Protocol.PUBLISHED, 0)
    members, non_members, auxiliary = parts_of(made)
    assert non_members == set(range(900, 1000))
    assert len(members) == 100
    assert members <= set(range(900))
    assert not auxiliary
    assert len(split(data(), Protocol.PUBLISHED, 0, rows=60).members) == 30


def test_published_weights_need_a_test_part():
    with pytest.raises(DataError):
        split(data(tested=0), Protocol.PUBLISHED, 0)


def test_the_first_version_of_the_paper_has_its_own_settings():
    own = TARGETS["alexnet-cifar10"].settings
    paper = settings_for(Protocol.V1, own)
    assert (paper.epochs, paper.batch, paper.learning_rate, paper.momentum) == (15, 64, 0.01, 0.9)
    assert (paper.optimizer, paper.schedule) == (Optimizer.SGD, Schedule.CONSTANT)
    assert settings_for(Protocol.BALANCED, own) == own
