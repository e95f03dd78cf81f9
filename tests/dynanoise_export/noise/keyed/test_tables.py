"""The tables, compared with tables made in plain Python, and with the laws that they must follow."""

import itertools
import tracemalloc

import numpy as np
import pytest
from scipy import stats

from dynanoise_export.errors import UsageError
from dynanoise_export.noise.keyed.key import Key
from dynanoise_export.noise.keyed.keyed_noise import KeyedNoise
from dynanoise_export.noise.keyed.tables import derive, derive_hashing, fitted
from support.keyed import MOST_HASHED, PROJECTIONS, ROWS, PlainGrid, PlainKeyedNoise, stream

SECRET = bytes(range(7, 39))
# The chance that a test of a random law fails on tables that follow it.
RATE = 1e-9


@pytest.mark.parametrize("grids", [(0.5,), (0.05, 1.0)])
@pytest.mark.parametrize("classes", [2, 3, 10, 30, 100])
def test_the_tables_are_those_made_in_plain_python(classes, grids):
    tables, plain = derive(Key(SECRET), grids, classes), PlainKeyedNoise(SECRET, grids, classes)
    assert tables.classes == classes
    np.testing.assert_array_equal(tables.projection, np.array(plain.signs))
    np.testing.assert_allclose(tables.normals, plain.normals, atol=1e-6)
    assert len(tables.cells) == len(grids)
    for cells, expected in zip(tables.cells, plain.grids, strict=True):
        assert int(cells.width) == expected.width
        starts = [m * expected.count * expected.width for m in range(PROJECTIONS)]
        middle = expected.half * expected.width
        shifts = [shift + start + middle for shift, start in zip(expected.shifts, starts, strict=True)]
        assert cells.offsets.tolist() == shifts
        assert float(cells.limit) == (expected.half - 1) * expected.width
        assert cells.hashes.shape == (PROJECTIONS * expected.count, -(-classes // 4))
        np.testing.assert_array_equal(cells.hashes.ravel(), expected.hashes)


def test_the_types_are_those_that_runtimes_have_in_common():
    tables = derive(Key(SECRET), (0.05, 1.0), 10)
    assert tables.projection.dtype == tables.normals.dtype == np.float32
    for cells in tables.cells:
        assert cells.limit.dtype == np.float32
        assert cells.width.dtype == cells.offsets.dtype == cells.hashes.dtype == np.int32


@pytest.mark.parametrize("grids", [(0.5,), (0.05, 1.0), (0.1, 0.3, 2.0)])
def test_a_column_of_normals_has_each_quantile_once_and_columns_are_not_correlated(grids):
    normals = derive(Key(SECRET), grids, 10).normals.astype(np.float64)
    assert normals.shape == (ROWS, 4)
    quantiles = stats.norm.ppf((np.arange(ROWS) + 0.5) / ROWS)
    for column in normals.T:
        np.testing.assert_allclose(np.sort(column) * np.sqrt(len(grids)), quantiles, atol=1e-2)
        assert column.mean() == pytest.approx(0, abs=1e-7)
        assert column.var() == pytest.approx(1 / len(grids), rel=1e-6)
    correlations = np.corrcoef(normals.T)[np.triu_indices(4, 1)]
    assert np.abs(correlations).max() < 1e-6
    # The orders are independent as well: ranks correlate by chance only.
    for a, b in itertools.combinations(range(4), 2):
        assert stats.spearmanr(normals[:, a], normals[:, b]).pvalue > RATE


def test_hashes_are_uniform():
    (cells,) = derive(Key(SECRET), (0.05,), 1000).cells
    counts = np.bincount(cells.hashes.ravel(), minlength=ROWS)
    assert len(counts) == ROWS
    assert counts.mean() > 5
    assert RATE < stats.chisquare(counts).pvalue < 1 - RATE


def test_hashes_of_neighbouring_cells_and_groups_are_not_correlated():
    (cells,) = derive(Key(SECRET), (0.05,), 1000).cells
    for a, b in ((cells.hashes[1:], cells.hashes[:-1]), (cells.hashes[:, 1:], cells.hashes[:, :-1])):
        a, b = a.ravel().astype(np.float64), b.ravel().astype(np.float64)
        assert abs(np.corrcoef(a, b)[0, 1]) < stats.norm.isf(RATE / 2) / np.sqrt(a.size)
        # As many are equal as by chance.
        assert stats.binomtest(int((a == b).sum()), a.size, 1 / ROWS).pvalue > RATE


def test_two_grids_and_two_keys_have_different_shifts_and_hashes():
    first, second = derive(Key(SECRET), (0.5, 0.5), 10).cells
    (other,) = derive(Key(bytes(32)), (0.5,), 10).cells
    for a, b in ((first, second), (first, other)):
        assert (a.offsets != b.offsets).any()
        assert (a.hashes != b.hashes).mean() > 0.99


def test_classes_beyond_those_that_float32_can_sum_are_not_hashed():
    classes = 10_000
    tables = derive(Key(SECRET), (0.5,), classes)
    bits = np.unpackbits(np.frombuffer(stream(SECRET, "signs", MOST_HASHED), np.uint8))
    np.testing.assert_array_equal(tables.projection[:MOST_HASHED], 2.0 * bits.reshape(MOST_HASHED, PROJECTIONS) - 1)
    assert tables.projection.shape == (classes, PROJECTIONS)
    assert not tables.projection[MOST_HASHED:].any()
    # The largest possible sum, and the next one, which float32 can't hold.
    assert MOST_HASHED * 2047 < 2**24 <= (MOST_HASHED + 1) * 2047
    expected = PlainGrid(SECRET, 0, 0.5, classes)
    (cells,) = tables.cells
    assert int(cells.width) == expected.width == round(32 * np.sqrt(MOST_HASHED))
    assert cells.hashes.shape == (PROJECTIONS * expected.count, 2500)


@pytest.mark.parametrize("classes", [2, 10, 1000, 10_000])
@pytest.mark.parametrize("grid", [0.05, 0.5, 31.0, 100.0])
def test_the_cells_of_a_query_always_belong_to_their_projections(classes, grid):
    (cells,) = derive(Key(SECRET), (grid,), classes).cells
    count = len(cells.hashes) // PROJECTIONS
    for place in (-float(cells.limit), float(cells.limit)):
        found = (int(place) + cells.offsets.astype(np.int64)) // int(cells.width)
        assert (found // count == np.arange(PROJECTIONS)).all()
    assert cells.offsets.min() >= 0


@pytest.mark.parametrize(
    "grids",
    [(), (0.0,), (-0.5,), (9e-4,), (101.0,), (0.5, 0.0), (0.5, np.inf), (np.nan,), (1e6,)],
)
def test_grids_out_of_bounds_and_a_missing_grid_are_refused(grids):
    with pytest.raises(UsageError):
        KeyedNoise(Key(SECRET), grids)


@pytest.mark.parametrize("grid", [1e-2, 8.0])
def test_grids_at_the_bounds_are_accepted(grid):
    assert int(KeyedNoise(Key(SECRET), (grid,)).tables(10).cells[0].width) == max(1, round(64 * np.sqrt(10) * grid))


@pytest.mark.parametrize(("grid", "classes"), [(1e-2, 10_000), (0.5, 1_000_000)])
def test_a_grid_whose_tables_would_be_huge_is_refused(grid, classes):
    with pytest.raises(UsageError):
        derive(Key(SECRET), (grid,), classes)


def test_a_number_of_classes_that_would_fill_the_memory_is_refused_at_once():
    # A hostile file may state any number; the tables would take tens of gigabytes.
    tracemalloc.start()
    try:
        with pytest.raises(UsageError):
            derive_hashing(Key(SECRET), (0.5,), 2**31 - 1)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("classes", "size"), [(2, 2), (7, 1), (8, 4), (30, 2), (32, 4), (33, 4), (100, 4)])
def test_the_tables_of_a_graph_give_the_same_noise_with_rows_that_fit_few_classes(classes, size):
    tables = derive(Key(SECRET), (0.5, 1.0), classes)
    in_graph = fitted(tables)
    assert in_graph.normals.shape == (ROWS * 4 // size, size)
    generator = np.random.default_rng(0)
    for own, held in zip(tables.cells, in_graph.cells, strict=True):
        count = len(own.hashes) // PROJECTIONS
        cells = generator.integers(0, count, (50, PROJECTIONS)) + np.arange(PROJECTIONS) * count
        drawn = tables.normals[own.hashes[cells].sum(axis=1) % ROWS].reshape(50, -1)
        again = in_graph.normals[held.hashes[cells].sum(axis=1) % len(in_graph.normals)].reshape(50, -1)
        np.testing.assert_array_equal(again[:, :classes], drawn[:, :classes])
        assert again.shape[1] == classes or classes > 32
        assert held.hashes.dtype == np.int32
