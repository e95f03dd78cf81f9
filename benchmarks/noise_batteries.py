"""Keyed noise as a stream of bytes for a battery of statistical tests, and what dieharder says of it.

    python benchmarks/noise_batteries.py --queries logits --what rows | dieharder -a -g 200
    python benchmarks/noise_batteries.py --queries neighbours --what uniforms --bytes 1e9 > stream.bin
    python benchmarks/noise_batteries.py --queries logits --what uniforms --battery   # runs dieharder itself
    python benchmarks/noise_batteries.py --control --battery                          # the same tests of PCG64
    python benchmarks/noise_batteries.py --what uniforms --battery --test 11          # one of the tests

The queries have k = 100 classes on one grid. `logits`: normal logits with a scale that is uniform in 1 to 12 for each
row, computed as in a graph up to the cell. `neighbours`: all cells of a block with `--side` cells a side, the last
projection fastest, so that each row's cell is one step from the one before; then another random block, which shares no
cell with an earlier one. `shuffled`: the same cells, with each block in random order.

The hash of a cell is a sum of one number for each projection, so a step to the next cell always adds the same. Of four
cells that form a rectangle, one hash follows from the others. The `rows` of neighbours show that, so they are expected
to fail. The secret order of the table of normals hides it from somebody who sees only the noise.

The numbers have 16 bits, little-endian. `rows`: the hashes of the cell, one for each group of four classes. `uniforms`:
for each class the rank of its normal in its column of the table of normals, so these are the bits of the noise. The
four normals of a group are one of 65,536 rows, so they have 16 bits in total, not 64, and tests of a few consecutive
numbers find that; `--columns 1` writes only one class of each group. `--control` replaces the hashes by numbers of
PCG64, for either output: a test that fails with them too does not fail because of the hash.

The default key is a test key, so that a stream can be made again; it keeps nothing secret. The queries come from a
generator with its own seed.

`--battery` runs the tests of `TESTS` one by one on one endless stream, and prints how many bytes each got. `dieharder
-a` has the sums at all 33 lags, which alone need 224 GB. Here the lags are 0, 1, 3 and 12; the last one reaches the
next row's hashes, because 25 hashes are 12½ words.
"""

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import IO

import numpy as np
import numpy.typing as npt

from dynanoise_export.noise.keyed.key import BYTES, Key
from dynanoise_export.noise.keyed.tables import GROUP, LARGEST, PROJECTIONS, ROWS, STEPS, Cells, Tables, derive
from dynanoise_export.types import Float32s

TEST_KEY = "01".rjust(2 * BYTES, "0")
CLASSES = 100
SCALES = (1.0, 12.0)
CHUNK = 4096  # rows at a time, which stay within a cache

# dieharder's numbers and their n-tuples; -1 is the test's default. Without 14, which its author advises against.
ONCE = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 17, 100, 101, 102, 204, 205, 206, 207)
TESTS = (
    *((number, -1) for number in ONCE),
    *((200, bits) for bits in range(1, 13)),
    *((201, dimensions) for dimensions in range(2, 6)),
    *((202, length) for length in range(2, 6)),
    *((203, lag) for lag in (0, 1, 3, 12)),
    (208, 0),
    (209, 12),
)

Integers = npt.NDArray[np.integer]
Words = npt.NDArray[np.uint16]


def main() -> None:
    """Write the stream, or run the tests on it, as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--queries", choices=("logits", "neighbours", "shuffled"), default="logits")
    parser.add_argument("--what", choices=("rows", "uniforms"), default="rows")
    parser.add_argument("--columns", type=int, choices=range(1, GROUP + 1), default=GROUP, help="for uniforms")
    parser.add_argument("--control", action="store_true", help="PCG64 in place of the hashes")
    parser.add_argument("--grid", type=float, default=0.01, help="the width of a cell, in roots of nats")
    parser.add_argument("--side", type=int, default=4, help="of a block of neighbours, in cells")
    parser.add_argument("--key", default=TEST_KEY, help="in hexadecimal digits; a test key by default")
    parser.add_argument("--seed", type=int, default=0, help="of the queries")
    parser.add_argument("--bytes", type=float, help="how many to write; endless by default")
    parser.add_argument("--battery", action="store_true", help="run dieharder's tests in place of writing")
    parser.add_argument("--test", type=int, action="append", help="one of dieharder's tests, for --battery")
    arguments = parser.parse_args()
    tables = derive(Key(bytes.fromhex(arguments.key)), (arguments.grid,), CLASSES)
    rng = np.random.Generator(np.random.SFC64(arguments.seed))
    if arguments.control:
        words = control(tables, arguments.seed)
    else:
        words = hashed(tables, arguments.queries, arguments.side, rng)
    if arguments.what == "uniforms":
        words = uniforms(words, ranks_of(tables.normals)[:, : arguments.columns])
    if arguments.battery:
        run_battery(words, [test for test in TESTS if arguments.test is None or test[0] in arguments.test])
    else:
        start = time.perf_counter()
        written = feed(words, sys.stdout.buffer, arguments.bytes)
        print(f"{written:,} bytes, {written / 1e6 / (time.perf_counter() - start):.0f} MB/s", file=sys.stderr)


def hashed(tables: Tables, queries: str, side: int, rng: np.random.Generator) -> Iterator[Words]:
    """Hash the cells of queries, endlessly: [up to CHUNK, groups] at a time."""
    cells = tables.cells[0]
    hashes = cells.hashes.astype(np.uint16)
    found = cells_of_logits(tables, rng) if queries == "logits" else neighbours(cells, side, queries == "shuffled", rng)
    return (hash_of(chunk, hashes) for chunk in found)


def control(tables: Tables, seed: int) -> Iterator[Words]:
    """Draw numbers of PCG64 in chunks of the same shape."""
    rng = np.random.Generator(np.random.PCG64(seed))
    while True:
        yield rng.integers(0, ROWS, (CHUNK, tables.groups), np.uint16)


def uniforms(rows: Iterator[Words], ranks: Words) -> Iterator[Words]:
    """Look up hashes in the ranks of the normals: [up to CHUNK, classes] at a time; k is a multiple of `GROUP`."""
    return (ranks.take(chunk, axis=0).reshape(len(chunk), -1) for chunk in rows)


def cells_of_logits(tables: Tables, rng: np.random.Generator) -> Iterator[Integers]:
    """Draw logits and find their cells on the first grid, endlessly: [CHUNK, m] at a time."""
    cells = tables.cells[0]
    while True:
        logits = rng.standard_normal((CHUNK, CLASSES), np.float32)
        logits *= rng.uniform(*SCALES, (CHUNK, 1)).astype(np.float32)
        yield cells_of(steps_of(logits) @ tables.projection, cells)


def steps_of(logits: Float32s) -> Float32s:
    """Round the roots of 1 − log p to steps; the logits are overwritten."""
    logits -= logits.max(axis=1, keepdims=True)
    sums = np.exp(logits).sum(axis=1, keepdims=True)
    np.subtract(1 + np.log(sums), logits, out=logits)
    np.sqrt(logits, out=logits)
    logits *= STEPS
    np.minimum(logits, LARGEST, out=logits)
    return np.rint(logits, out=logits)


def cells_of(places: Float32s, cells: Cells) -> Integers:
    """Find the cells of projected queries: [n, m], positions in the table of hashes."""
    within = places.clip(-cells.limit, cells.limit).astype(np.int32)
    return np.asarray((within + cells.offsets) // int(cells.width))


def neighbours(cells: Cells, side: int, shuffle: bool, rng: np.random.Generator) -> Iterator[Integers]:
    """Walk through blocks of cells, endlessly: [up to CHUNK, m] at a time, no cell twice."""
    count = len(cells.hashes) // PROJECTIONS
    first = np.arange(PROJECTIONS) * count
    size = side**PROJECTIONS
    seen = set()
    while True:
        block = tuple(int(number) for number in rng.integers(0, count // side, PROJECTIONS))
        if block in seen:
            continue
        seen.add(block)
        order = rng.permutation(size) if shuffle else None
        for start in range(0, size, CHUNK):
            numbers = np.arange(start, min(start + CHUNK, size))
            inside = np.unravel_index(numbers if order is None else order[numbers], (side,) * PROJECTIONS)
            yield np.stack(inside, axis=1) + np.array(block) * side + first


def hash_of(found: Integers, hashes: Words) -> Words:
    """Hash cells [n, m]: [n, groups], sums that wrap around at `ROWS`, because they have 16 bits."""
    total = hashes.take(found[:, 0], axis=0)
    for projection in range(1, PROJECTIONS):
        total += hashes.take(found[:, projection], axis=0)
    return total


def ranks_of(normals: Float32s) -> Words:
    """Rank each column of the table of normals: each number from 0 to `ROWS` − 1 once in each column."""
    ranks = np.empty(normals.shape, np.uint16)
    np.put_along_axis(ranks, normals.argsort(axis=0, kind="stable"), np.arange(ROWS, dtype=np.uint16)[:, None], axis=0)
    return ranks


def feed(words: Iterator[Words], to: IO[bytes], most: float | None = None) -> int:
    """Write a stream until its reader closes it or `most` bytes are written; return how many were."""
    written = 0
    try:
        for chunk in words:
            data = chunk.astype("<u2", copy=False).tobytes()
            data = data if most is None else data[: int(most) - written]
            to.write(data)
            written += len(data)
            if most is not None and written >= most:
                to.flush()
                break
    except BrokenPipeError:
        pass
    return written


def run_battery(words: Iterator[Words], tests: list[tuple[int, int]]) -> None:
    """Run dieharder's tests one after the other, each on the next part of the stream, and print their lines."""
    program = shutil.which("dieharder")
    if program is None:
        sys.exit("dieharder is not installed.")
    begun, whole, verdicts = time.perf_counter(), 0, dict.fromkeys(("PASSED", "WEAK", "FAILED"), 0)
    for number, tuples in tests:
        start = time.perf_counter()
        choice = ["-d", str(number), *(["-n", str(tuples)] if tuples >= 0 else [])]
        # Only the tests' own lines: name, n-tuple, samples, how many p-values, their p-value, verdict.
        command = [program, "-g", "200", "-D", "504", *choice]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            given = feed(words, process.stdin)
            lines = process.stdout.read().decode().splitlines()
        whole += given
        for line in lines:
            verdict = line.rsplit("|", 1)[-1].strip()
            if verdict in verdicts:
                verdicts[verdict] += 1
                print(line)
        print(f"  -d {number}: {given / 1e6:,.0f} MB, {time.perf_counter() - start:.0f} s", flush=True)
    counts = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items())
    print(f"{counts}; {whole / 1e9:.2f} GB in {time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
