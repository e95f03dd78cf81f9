"""The noise in the graph, compared with its PyTorch twin, with plain Python, and with the laws that it must follow."""

import itertools

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from scipy import stats

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.noise.keyed.key import Key
from dynanoise_export.noise.keyed.keyed_noise import KeyedNoise
from dynanoise_export.noise.keyed.reference import keyed_normals
from dynanoise_export.validation.keyed_edges import on_an_edge
from dynanoise_export.validation.movement import moved
from support.algorithm import algorithm_1
from support.defences import defence_alone, in_runtime
from support.keyed import PlainKeyedNoise, noise_alone, queries

SECRET = bytes(range(7, 39))
ONE, TWO = (0.5,), (0.05, 1.0)
# The chance that a test of a random law fails on noise that follows it.
RATE = 1e-9


def source(grids=ONE, secret=SECRET):
    """Make the noise of a key."""
    return KeyedNoise(Key(secret), grids)


def in_graph(logits, grids=ONE, opset=18):
    """Draw the noise of queries in ONNX Runtime."""
    return in_runtime(noise_alone(source(grids), logits.shape[1], opset)).run({"logits": logits})["noise"]


def in_numpy(logits, grids=ONE, secret=SECRET):
    """Draw it in NumPy."""
    tables = source(grids, secret).tables(logits.shape[1])
    return keyed_normals(logits.astype(np.float64), tables)


def edges(logits, others=None, grids=ONE):
    """Find the queries on the edge of a cell."""
    z = logits.astype(np.float64)
    distance = 0.0 if others is None else moved(z, others, 0).distance
    return on_an_edge(z, source(grids).tables(logits.shape[1]), distance)


def same(noise, expected):
    """Find the queries whose noise is equal in every bit."""
    assert noise.dtype == expected.dtype == np.float32
    return (noise.view(np.uint32) == expected.view(np.uint32)).all(axis=1)


def limit(count, chances=1):
    """Compute how large a correlation of independent values may be; it follows the normal law here."""
    return stats.norm.isf(RATE / chances / 2) / np.sqrt(count)


@pytest.fixture(scope="module")
def distinct():
    """Give queries, no two of which share their noise, and the noise; three rows of normals make its ten classes."""
    logits = queries(100_000, 10)
    noise = in_graph(logits)
    _, first = np.unique(noise, axis=0, return_index=True)
    assert len(first) > 80_000
    first.sort()
    return logits[first], noise[first].astype(np.float64)


@pytest.mark.parametrize(
    ("classes", "rows", "grids", "most_on_edges"),
    [
        (10, 100_000, ONE, 0.0005),
        (10, 100_000, TWO, 0.004),
        (2, 20_000, ONE, 0.0005),
        (3, 20_000, TWO, 0.002),
        (1000, 1500, ONE, 0.02),
        (1000, 500, TWO, 0.1),
    ],
)
def test_the_graph_and_its_twin_agree_in_every_bit_except_on_edges(classes, rows, grids, most_on_edges):
    logits = queries(rows, classes)
    edge = edges(logits, grids=grids)
    assert edge.mean() < most_on_edges
    assert same(in_graph(logits, grids), in_numpy(logits, grids))[~edge].all()


@pytest.mark.parametrize(
    ("classes", "grids"), [(2, ONE), (3, TWO), (10, ONE), (10, TWO), (100, ONE), (10, (0.1, 0.3, 2.0))]
)
def test_the_graph_gives_the_noise_of_plain_python(classes, grids):
    logits = queries(300, classes, seed=1)
    expected = PlainKeyedNoise(SECRET, grids, classes)(logits)
    agrees = (np.abs(in_graph(logits, grids) - expected) < 1e-5).all(axis=1)
    assert agrees[~edges(logits, grids=grids)].all()
    assert agrees.mean() > 0.98


def test_a_whole_defended_model_answers_with_that_noise():
    logits = queries(300, 10, seed=2)
    file = in_runtime(defence_alone(DynaNoise(0.7, 1.5, 4.0), 10, source()))
    expected = algorithm_1(logits, PlainKeyedNoise(SECRET, ONE, 10)(logits), 0.7, 1.5, 4.0)
    agrees = (np.abs(file.run({"logits": logits})["probabilities"] - expected) < 1e-5).all(axis=1)
    assert agrees[~edges(logits)].all()
    assert agrees.mean() > 0.98


@pytest.mark.parametrize("opset", [13, 17, 21, 24])
def test_the_noise_is_the_same_in_every_opset(opset):
    logits = queries(500, 10)
    model = noise_alone(source(TWO), 10, opset)
    onnx.checker.check_model(ir.to_proto(model), full_check=True)
    assert same(in_runtime(model).run({"logits": logits})["noise"], in_graph(logits, TWO)).all()


def test_the_same_query_gets_the_same_noise_in_every_call_session_and_batch():
    logits = queries(200, 10)
    file = in_runtime(noise_alone(source(TWO), 10))
    first = file.run({"logits": logits})["noise"]
    assert same(file.run({"logits": logits})["noise"], first).all()
    assert same(in_graph(logits, TWO), first).all()
    twice = file.run({"logits": np.repeat(logits, 2, axis=0)})["noise"]
    assert same(twice[::2], first).all()
    assert same(twice[1::2], first).all()


@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_neither_the_batch_nor_the_position_in_it_matters(classes):
    logits = queries(210, classes)
    file = in_runtime(noise_alone(source(), classes))
    first, clear = file.run({"logits": logits})["noise"], ~edges(logits)
    order = np.random.default_rng(0).permutation(len(logits))
    permuted = file.run({"logits": logits[order]})["noise"]
    assert same(permuted, first[order])[clear[order]].all()
    for size in (1, 7, 64):
        batches = [file.run({"logits": logits[i : i + size]})["noise"] for i in range(0, len(logits), size)]
        assert same(np.concatenate(batches), first)[clear].all()
    assert file.run({"logits": logits[:0]})["noise"].shape == (0, classes)


@pytest.mark.parametrize("constant", [-30.0, 5.0, 300.0])
def test_a_constant_on_all_logits_changes_nothing_except_on_edges(constant):
    logits = queries(20_000, 10)
    shifted = logits + np.float32(constant)
    edge = edges(logits, shifted)
    assert edge.mean() < 0.02
    assert same(in_graph(shifted), in_graph(logits))[~edge].all()


def test_infinite_logits_count_as_their_limits():
    # The root is clipped at 2047 / 64, so a class can count as 1022 nats below the largest at most.
    logits = queries(50, 10)
    logits[:, 4] = -np.inf
    expected = in_numpy(np.nan_to_num(logits, neginf=-1e5))
    for low in (-np.inf, -3e38, -1e30, -1e6, -2000):
        masked = logits.copy()
        masked[:, 4] = low
        assert same(in_graph(masked), expected)[~edges(masked)].all()
    sure = np.full((3, 10), -5, np.float32)
    sure[0, 2], sure[1, 2], sure[2, 2] = np.inf, 1e30, 1e4
    assert same(in_graph(sure), np.repeat(in_numpy(sure[2:]), 3, axis=0)).all()
    even = np.stack([np.full(10, value, np.float32) for value in (np.inf, -np.inf, 0, 1e30)])
    assert same(in_graph(even), np.repeat(in_numpy(even[2:3]), 4, axis=0)).all()


def test_masked_classes_get_the_noise_of_plain_python():
    logits = queries(100, 10, seed=3)
    logits[np.random.default_rng(0).random(logits.shape) < 0.4] = -np.inf
    logits[:, 0] = 1
    agrees = (np.abs(in_graph(logits) - PlainKeyedNoise(SECRET, ONE, 10)(logits)) < 1e-5).all(axis=1)
    assert agrees[~edges(logits)].all()
    assert agrees.mean() > 0.98


@pytest.mark.parametrize("bad", [[np.nan], [np.nan, np.inf], [np.nan] * 10])
def test_nan_in_one_row_changes_no_other_row_and_reads_nothing_outside_the_tables(bad):
    logits = queries(4, 10)
    expected = in_graph(logits)
    logits[1, : len(bad)] = bad
    normals = source().tables(10).normals
    for noise in (in_graph(logits), in_numpy(logits)):
        assert same(noise[[0, 2, 3]], expected[[0, 2, 3]]).all()
        assert np.isnan(noise[1]).all() or np.isin(noise[1], normals).all()


def test_every_class_is_normal(distinct):
    _, noise = distinct
    rows, classes = noise.shape
    for column in noise.T:
        assert stats.kstest(column, "norm").pvalue > RATE / classes
        assert stats.ttest_1samp(column, 0).pvalue > RATE / classes
        chance = stats.chi2.cdf((column**2).sum(), rows)
        assert min(chance, 1 - chance) > RATE / classes / 2
        for far in (2, 3, 4):
            beyond = int((np.abs(column) > far).sum())
            assert stats.binomtest(beyond, rows, 2 * stats.norm.sf(far)).pvalue > RATE / classes / 3


def test_neither_classes_nor_queries_are_correlated(distinct):
    _, noise = distinct
    pairs = list(itertools.combinations(range(10), 2))
    for values in (noise, np.abs(noise)):
        correlations = np.corrcoef(values.T)
        assert max(abs(correlations[pair]) for pair in pairs) < limit(len(noise), 2 * len(pairs))
        a, b = values[1:].ravel(), values[:-1].ravel()
        assert abs(np.corrcoef(a, b)[0, 1]) < limit(a.size, 2)


def test_the_noise_is_not_correlated_with_the_logits(distinct):
    logits, noise = distinct
    # Rows of equal width, so that the correlation of two independent samples has the expected variance.
    logits = logits / logits.std(axis=1, keepdims=True)
    for values in (noise, np.abs(noise)):
        for others in (logits, np.abs(logits), np.sort(logits, axis=1)):
            found = [abs(np.corrcoef(a, b)[0, 1]) for a, b in zip(values.T, others.T, strict=True)]
            assert max(found) < limit(len(noise), 60)


def test_the_noise_of_neighbouring_cells_is_not_correlated():
    plain = PlainKeyedNoise(SECRET, ONE, 10)
    logits = queries(6000, 10, seed=4)
    nudged = logits + np.random.default_rng(5).normal(0, 0.05, logits.shape).astype(np.float32)
    pairs = {}
    for row, (own, other) in enumerate(zip(plain.cells(logits), plain.cells(nudged), strict=True)):
        if sum(a != b for a, b in zip(own, other, strict=True)) == 1:
            pairs.setdefault(own, row)
    rows = list(pairs.values())
    assert len(rows) > 500
    own, other = in_graph(logits[rows]).astype(np.float64), in_graph(nudged[rows]).astype(np.float64)
    assert not same(own.astype(np.float32), other.astype(np.float32)).any()
    for a, b in ((own, other), (np.abs(own), np.abs(other))):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < limit(own.size, 2)


def test_queries_of_one_cell_share_their_noise():
    plain = PlainKeyedNoise(SECRET, ONE, 10)
    logits = queries(500, 10, seed=6)
    nudged = logits + np.random.default_rng(7).normal(0, 0.01, logits.shape).astype(np.float32)
    together = np.array([a == b for a, b in zip(plain.cells(logits), plain.cells(nudged), strict=True)])
    assert 0.5 < together.mean() < 1
    clear = ~edges(logits) & ~edges(nudged)
    assert (same(in_graph(logits), in_graph(nudged)) == together)[clear].all()


def test_every_bit_of_the_key_changes_the_noise_of_every_query():
    candidates = queries(400, 10, seed=8)
    _, first = np.unique(in_numpy(candidates), axis=0, return_index=True)
    logits = candidates[np.sort(first)[:64]]
    own = in_numpy(logits)
    assert len(own) == 64
    for bit in range(256):
        secret = bytearray(SECRET)
        secret[bit // 8] ^= 1 << bit % 8
        noise = in_numpy(logits, secret=bytes(secret))
        assert not same(noise, own).any()
        assert stats.pearsonr(noise.ravel(), own.ravel()).pvalue > RATE / 512
        assert stats.pearsonr(np.abs(noise).ravel(), np.abs(own).ravel()).pvalue > RATE / 512
