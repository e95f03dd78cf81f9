"""Time the attacks, against the loops and matrices that other tools use.

    python benchmarks/attack_speed.py [--suite]

Prints the median time of each of two ways to the same scores, and the median ratio of paired, interleaved runs with its
95% interval. LiRA (online) for 50,000 rows and 64 shadow models is compared with a loop over the rows. RMIA for 5,000
rows is compared with a dense matrix, and timed for 50,000 rows, whose matrix would take 20 GB. `--suite` instead times
`attack` itself, with 20,000 rows of 10 classes, 16 shadow models and all attackers, beside the time of the queries, and
measures the peak of its memory for half of the rows and for all.
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

from dynanoise_export.attacks.attack_report import AttackReport
from dynanoise_export.attacks.attacking_model import attack
from dynanoise_export.attacks.methods import lira, rmia
from dynanoise_export.benchmarking.figures import median
from dynanoise_export.bundles import Part, bundle_sha256, save_bundle
from dynanoise_export.exporting import export
from dynanoise_export.shadow_stores import KEPT, LOGITS, RECORD, SCHEMA

PAIRS = 7
CLASSES, SHADOWS = 10, 16


def main() -> None:
    """Time the two attacks, or the whole of `attack`."""
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
    trained_on = np.arange(64)[:, None] % 2 == generator.integers(0, 2, 50_000)
    shadows = generator.normal(2.0 * trained_on, 1.0)
    own = generator.normal(1, 1, 50_000)

    def looped() -> np.ndarray:
        scores = np.empty(len(own))
        for row in range(len(own)):
            inside, outside = shadows[trained_on[:, row], row], shadows[~trained_on[:, row], row]
            scores[row] = log_density(own[row], inside) - log_density(own[row], outside)
        return scores

    def vectorised() -> np.ndarray:
        return lira.online(own, shadows, trained_on, fixed_variance=False)

    np.testing.assert_allclose(vectorised(), looped(), rtol=1e-9)
    compare("LiRA, 50,000 rows, 64 shadow models", vectorised, looped)


def log_density(value: float, sample: np.ndarray) -> float:
    """Compute the logarithm of the density of a Gaussian that is fitted to a sample."""
    mean, deviation = sample.mean(), sample.std(ddof=1)
    return -((value - mean) ** 2) / (2 * deviation**2) - np.log(deviation)


def time_rmia() -> None:
    """Compare RMIA with a dense matrix, and time it for a matrix that would not fit into memory."""
    generator = np.random.default_rng(0)
    ratios, population = generator.normal(0, 1, (2, 5_000))

    def dense() -> np.ndarray:
        return (population[None, :] <= ratios[:, None]).mean(axis=1)

    np.testing.assert_array_equal(rmia.relative(ratios, population), dense())
    compare("RMIA, 5,000 rows", lambda: rmia.relative(ratios, population), dense)
    ratios, population = generator.normal(0, 1, (2, 50_000))
    times = [timed(lambda: rmia.relative(ratios, population)) for _ in range(5 * PAIRS)]
    print(f"RMIA, 50,000 rows: {1e3 * np.median(times):.1f} ms")


def compare(name: str, ours: Callable[[], object], theirs: Callable[[], object]) -> None:
    """Print the median times of two ways, and their median ratio."""
    pairs = np.array([(timed(ours), timed(theirs)) for _ in range(PAIRS)])
    ratio = median(pairs[:, 1] / pairs[:, 0])
    mine, other = 1e3 * np.median(pairs, axis=0)
    print(
        f"{name}: {mine:.1f} ms, {other:.0f} ms the other way, "
        f"ratio {ratio.value:.0f} [{ratio.low:.0f}, {ratio.high:.0f}]"
    )


def timed(work: Callable[[], object]) -> float:
    """Time a piece of work, in seconds."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def time_suite() -> None:
    """Attack with half of the rows and with all, each in a process of its own, to measure its peak of memory."""
    for rows in (10_000, 20_000):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            querying, attacking, attacks, peak = pool.apply(run_suite, (rows,))
        print(
            f"attack, {rows:,} rows, 16 shadow models: {attacking:.1f} s for {attacks} attacks after "
            f"{querying:.1f} s of queries, {peak:.0f} MB"
        )


def run_suite(rows: int) -> tuple[float, float, int, float]:
    """Attack a model whose inputs are its logits; give the seconds of querying and attacking, the attacks, the MB."""
    with TemporaryDirectory() as folder:
        model, bundle, store = make_audit(Path(folder), rows)

        def run() -> AttackReport:
            plain, cache = Path(folder) / "plain.onnx", Path(folder) / "responses"
            return attack(model, bundle, shadows=store, reference=plain, cache=cache)

        start = time.perf_counter()
        run()
        both = time.perf_counter() - start
        start = time.perf_counter()
        report = run()  # sends no query again
        attacking = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return both - attacking, attacking, len(report.results) + len(report.without), peak


def make_audit(folder: Path, rows: int) -> tuple[Path, Path, Path]:
    """Make a model, rows and shadow models; a model is surer of rows that it was trained on."""
    generator = np.random.default_rng(0)
    model = onnx.parser.parse_model(
        f'<ir_version: 10, opset_import: ["" : 18]> g (float[n, {CLASSES}] x) => (float[n, {CLASSES}] z) '
        "{ z = Identity (x) }"
    )
    onnx.save(model, folder / "plain.onnx")
    export(folder / "plain.onnx", folder / "defended.onnx")
    y = generator.integers(0, CLASSES, rows)
    trained_on = np.arange(SHADOWS + 1)[:, None] % 2 == generator.integers(0, 2, rows)
    logits = generator.normal(0, 1, (SHADOWS + 1, rows, CLASSES)).astype(np.float32)
    logits[:, np.arange(rows), y] += generator.normal(3, 2, rows) + trained_on
    split = np.where(trained_on[-1], Part.MEMBER, Part.NON_MEMBER).astype(np.str_)
    split[::10] = Part.AUXILIARY
    save_bundle(folder / "bundle", {"x": logits[-1]}, y, split)
    store = folder / "store"
    store.mkdir()
    np.save(store / LOGITS, logits[:-1])
    np.save(store / KEPT, trained_on[:-1])
    models = {str(number): {} for number in range(SHADOWS)}
    record = {"schema": SCHEMA, "bundle_sha256": bundle_sha256(folder / "bundle"), "models": models, "count": SHADOWS}
    (store / RECORD).write_text(json.dumps(record))
    return folder / "defended.onnx", folder / "bundle", store


if __name__ == "__main__":
    main()
