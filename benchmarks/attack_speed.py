"""Time the attacks, against the loops and matrices that other tools use.

    python benchmarks/attack_speed.py [--suite]

Prints the median time of each of two ways to the same scores, and the median ratio of paired, interleaved runs with its
95% interval: LiRA (online) of 50,000 queries and 64 shadow models against a loop over the queries; RMIA of 5,000
queries against as many against a dense matrix, and of 50,000 against 50,000, for which the matrix would take 20 GB.
`--suite` times the whole suite instead, on 20,000 queries of 10 classes with 16 shadow models and all attackers,
beside what the model itself takes, and the memory at its peak for half as many queries and for all.
"""

import argparse
import json
import multiprocessing
import resource
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx

from dynanoise_export.attacks.attacking_model import Options, attack
from dynanoise_export.attacks.methods import lira, rmia
from dynanoise_export.benchmarking.figures import median
from dynanoise_export.bundles import Part, bundle_sha256, save_bundle
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.exporting import export
from dynanoise_export.parameters import Parameters
from dynanoise_export.shadow_stores import KEPT, LOGITS, RECORD, SCHEMA

PAIRS = 7
CLASSES, SHADOWS = 10, 16


def main() -> None:
    """Time what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--suite", action="store_true")
    if parser.parse_args().suite:
        time_suite()
    else:
        time_lira()
        time_rmia()


def time_lira() -> None:
    """Compare LiRA with a loop."""
    generator = np.random.default_rng(0)
    kept = np.arange(64)[:, None] % 2 == generator.integers(0, 2, 50_000)
    shadows = generator.normal(2.0 * kept, 1.0)
    own = generator.normal(1, 1, 50_000)

    def looped() -> np.ndarray:
        scores = np.empty(len(own))
        for query in range(len(own)):
            inside, outside = shadows[kept[:, query], query], shadows[~kept[:, query], query]
            scores[query] = log_density(own[query], inside) - log_density(own[query], outside)
        return scores

    def vectorised() -> np.ndarray:
        return lira.online(own, shadows, kept, fixed_variance=False)

    np.testing.assert_allclose(vectorised(), looped(), rtol=1e-9)
    compare("LiRA, 50,000 queries, 64 shadow models", vectorised, looped)


def log_density(value: float, sample: np.ndarray) -> float:
    """Give the logarithm of a Gaussian's density, fitted to a sample."""
    mean, deviation = sample.mean(), sample.std(ddof=1)
    return -((value - mean) ** 2) / (2 * deviation**2) - np.log(deviation)


def time_rmia() -> None:
    """Compare RMIA with a dense matrix, and time it where the matrix would not fit."""
    generator = np.random.default_rng(0)
    ratios, population = generator.normal(0, 1, (2, 5_000))

    def dense() -> np.ndarray:
        return (population[None, :] <= ratios[:, None]).mean(axis=1)

    np.testing.assert_array_equal(rmia.relative(ratios, population), dense())
    compare("RMIA, 5,000 queries, 5,000 rows", lambda: rmia.relative(ratios, population), dense)
    ratios, population = generator.normal(0, 1, (2, 50_000))
    times = [timed(lambda: rmia.relative(ratios, population)) for _ in range(5 * PAIRS)]
    print(f"RMIA, 50,000 queries, 50,000 rows: {1e3 * np.median(times):.1f} ms")


def compare(name: str, ours: Callable[[], object], theirs: Callable[[], object]) -> None:
    """Print the median times of two ways, and of their ratio."""
    pairs = np.array([(timed(ours), timed(theirs)) for _ in range(PAIRS)])
    ratio = median(pairs[:, 1] / pairs[:, 0])
    mine, other = 1e3 * np.median(pairs, axis=0)
    print(
        f"{name}: {mine:.1f} ms, {other:.0f} ms in the other way, "
        f"ratio {ratio.value:.0f} [{ratio.low:.0f}, {ratio.high:.0f}]"
    )


def timed(work: Callable[[], object]) -> float:
    """Time a piece of work, in seconds."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def time_suite() -> None:
    """Attack half of the queries and all, each in a process of its own, for its peak of memory."""
    for queries in (10_000, 20_000):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            asking, attacking, attacks, peak = pool.apply(run_suite, (queries,))
        print(
            f"the suite, {queries:,} queries, 16 shadow models: {attacking:.1f} s for {attacks} attacks after "
            f"{asking:.1f} s of asking, {peak:.0f} MB"
        )


def run_suite(queries: int) -> tuple[float, float, int, float]:
    """Attack a model whose queries are its logits; tell the seconds of asking and of attacking, and more."""
    with TemporaryDirectory() as folder:
        model, bundle, store = make_audit(Path(folder), queries)
        options = Options(cache=Path(folder) / "observations")
        start = time.perf_counter()
        attack(model, bundle, store, Path(folder) / "plain.onnx", options)
        both = time.perf_counter() - start
        start = time.perf_counter()
        report = attack(model, bundle, store, Path(folder) / "plain.onnx", options)  # asks no more
        attacking = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return both - attacking, attacking, len(report.results) + len(report.without), peak


def make_audit(folder: Path, queries: int) -> tuple[Path, Path, Path]:
    """Make up a model, rows and shadow models: what a model has learnt, it is surer of."""
    generator = np.random.default_rng(0)
    model = onnx.parser.parse_model(
        f'<ir_version: 10, opset_import: ["" : 18]> g (float[n, {CLASSES}] x) => (float[n, {CLASSES}] z) '
        "{ z = Identity (x) }"
    )
    onnx.save(model, folder / "plain.onnx")
    export(folder / "plain.onnx", folder / "defended.onnx", DynaNoise(Parameters()))
    y = generator.integers(0, CLASSES, queries)
    kept = np.arange(SHADOWS + 1)[:, None] % 2 == generator.integers(0, 2, queries)
    logits = generator.normal(0, 1, (SHADOWS + 1, queries, CLASSES)).astype(np.float32)
    logits[:, np.arange(queries), y] += generator.normal(3, 2, queries) + kept
    split = np.where(kept[-1], Part.MEMBER, Part.NON_MEMBER).astype(np.str_)
    split[::10] = Part.AUXILIARY
    save_bundle(folder / "bundle", {"x": logits[-1]}, y, split)
    store = folder / "store"
    store.mkdir()
    np.save(store / LOGITS, logits[:-1])
    np.save(store / KEPT, kept[:-1])
    models = {str(number): {} for number in range(SHADOWS)}
    record = {"schema": SCHEMA, "bundle_sha256": bundle_sha256(folder / "bundle"), "models": models, "count": SHADOWS}
    (store / RECORD).write_text(json.dumps(record))
    return folder / "defended.onnx", folder / "bundle", store


if __name__ == "__main__":
    main()
