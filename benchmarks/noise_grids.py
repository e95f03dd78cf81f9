"""Which grid keyed noise should have: how much of the noise three attackers remove on each.

    DYNANOISE_DATA=… python benchmarks/noise_grids.py --work DIR mlp-location30 alexnet-cifar10

DIR is that of benchmarks/results.py, and its targets and shadow models are used. Labels are not kept, so only the noise
protects the logits, and the noise is large enough to matter. All attackers know the defence and send the logits of
their shadow models through it. The figures are AUCs of the better of two forms of LiRA, on the rows with unknown
membership.

- One answer; exact repeats get the same answer.
- 16 near-duplicates, averaged, at three distances.
- The calibrating attacker knows the membership of half of the rows, estimates their noise (the answer less what shadow
  models lead one to expect) and subtracts it from other rows. It is given more than it could find out: which rows share
  a cell of which grid. The noise of cells is estimated by the best linear predictor from all of that.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from results import row
from scipy.sparse.linalg import cg
from scipy.special import log_softmax
from stored_logits import DISTANCES, StoredTarget, open_stored

from dynanoise_export.attacks.methods.lira import online
from dynanoise_export.attacks.metrics.auc import auc, placements
from dynanoise_export.attacks.signals import signals
from dynanoise_export.defences.base import NoiseLaw
from dynanoise_export.defences.catalogue import make_defence
from dynanoise_export.noise.keyed.key import Key
from dynanoise_export.noise.keyed.keyed_noise import KeyedNoise
from dynanoise_export.noise.keyed.reference import cells_of, keyed_normals, places_of
from dynanoise_export.noise.keyed.tables import Tables
from dynanoise_export.types import Bools, Floats, Int64s

KEY = Key(bytes(range(32)))
GRIDS = ((0.05,), (0.1,), (0.2,), (0.35,), (0.5,), (0.7,), (1.0,), (2.0,), (0.05, 0.5), (0.1, 1.0))
VARIANCES = {"mlp-location30": 30.0, "alexnet-cifar10": 3.0}
MOST_ROWS = 6000
SIMULATIONS = 8
COLUMNS = (
    "grid",
    "share a cell",
    "×1",
    *(f"δ{distance:g}" for distance in DISTANCES),
    "×1, calibrated",
    "δ0.1, calibrated",
)


@dataclass(frozen=True)
class Setting:
    """A target, and the n of its rows that are used.

    Attributes:
        itself: float32 [1, n, k], the target's logits of the rows.
        near_duplicates: float32 [c, n, k], by their distance.
        shadows: float32 [m, n, k], the shadow models' logits.
        trained_on: bool [m, n], whether the row was in the model's training set.
        y: int64 [n].
        member: bool [n].
        known: bool [n], the rows with a membership that the calibrating attacker knows.
        law: of the defence's noise.
    """

    itself: Floats
    near_duplicates: dict[float, Floats]
    shadows: Floats
    trained_on: Bools
    y: Int64s
    member: Bools
    known: Bools
    law: NoiseLaw

    def scale(self, logits: Floats) -> Floats:
        """Compute σ(q), [n, 1]."""
        return self.law.scale(logits)


def main() -> None:
    """Print a table for each target."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="+", choices=VARIANCES)
    parser.add_argument("--work", type=Path, required=True)
    arguments = parser.parse_args()
    for name in arguments.targets:
        setting = of_target(open_stored(arguments.work / name), VARIANCES[name])
        rows, itself = len(setting.y), setting.itself[0]
        noise = np.random.default_rng(0).standard_normal((2, *itself.shape), dtype=np.float32)
        print(
            f"\n{name}, base variance {VARIANCES[name]:g}, {rows:,} rows, half of them known; AUC without the defence"
        )
        print(f"{attack(setting, itself, np.zeros(rows)):.3f}, and with fresh noise from one answer")
        print(f"{attack(setting, itself + setting.scale(itself) * noise[0], np.ones(rows)):.3f}, from 16", end=" ")
        print(f"{attack(setting, itself + setting.scale(itself) * noise[1] / 4, np.full(rows, 1 / 16)):.3f}\n")
        print(row(list(COLUMNS)), row(["---"] * len(COLUMNS)), sep="\n", flush=True)
        for grids in GRIDS:
            print(of_grids(setting, grids), flush=True)


def of_target(target: StoredTarget, base_variance: float) -> Setting:
    """Select the judged rows, at most `MOST_ROWS` of them."""
    generator = np.random.default_rng(0)
    rows = np.sort(generator.permutation(np.flatnonzero(target.audit.judged))[:MOST_ROWS])
    law = make_defence("dynanoise", {"base_variance": base_variance, "lambda": 2.0, "temperature": 10.0}).law
    assert law is not None
    return Setting(
        itself=np.asarray(target.itself[:, rows]),
        near_duplicates={d: np.asarray(logits[:, rows]) for d, logits in target.near_duplicates.items()},
        shadows=np.asarray(target.store.logits[:, rows]),
        trained_on=np.asarray(target.store.kept[:, rows]),
        y=target.audit.y[rows],
        member=target.audit.member[rows],
        known=generator.random(len(rows)) < 0.5,
        law=law,
    )


def of_grids(setting: Setting, grids: tuple[float, ...]) -> str:
    """Attack keyed noise on these grids, and write a line."""
    tables = KeyedNoise(KEY, grids).tables(setting.itself.shape[2])
    averaged, calibrating = [], []
    for logits in (setting.itself, *(setting.near_duplicates[distance] for distance in DISTANCES)):
        answered, visits = mean_answers(setting, logits, tables)
        left = np.asarray(visits.multiply(visits).sum(axis=1)).ravel()
        averaged.append(attack(setting, answered, np.full(len(left), left.mean())))
        if logits is setting.itself:
            shared = float((np.bincount(visits.indices)[visits.indices] > 1).mean())
        if logits is setting.itself or logits is setting.near_duplicates[DISTANCES[-1]]:
            calibrating.append(attack(setting, *calibrated(setting, answered, visits)))
    figures = [f"{auc:.3f}" for auc in (*averaged, *calibrating)]
    return row([" and ".join(f"{grid:g}" for grid in grids), f"{shared:.1%}", *figures])


def mean_answers(setting: Setting, logits: Floats, tables: Tables) -> tuple[Floats, sp.csr_matrix]:
    """Average the noisy logits of [c, n, k] queries.

    Returns:
        The mean noisy logits [n, k], and the weight of each cell's noise in them [n, cells].
    """
    noisy = [z + setting.scale(z) * keyed_normals(z, tables) for z in logits]
    places = [places_of(z, tables) for z in logits]
    rows = np.tile(np.arange(logits.shape[1]), len(logits))
    parts = []
    for cells in tables.cells:
        found = np.concatenate([cells_of(place, cells) for place in places])
        _, cell = np.unique(found, axis=0, return_inverse=True)
        weights = np.full(len(rows), 1 / len(logits) / np.sqrt(len(tables.cells)))
        parts.append(sp.csr_matrix((weights, (rows, cell.ravel())), shape=(logits.shape[1], int(cell.max()) + 1)))
    return np.mean(noisy, axis=0), sp.hstack(parts).tocsr()


def calibrated(setting: Setting, answered: Floats, visits: sp.csr_matrix) -> tuple[Floats, Floats]:
    """Subtract the noise that known rows reveal; give the logits [n, k], and the share [n] of variance that is left."""
    expected, error = expectation(setting)
    scale = setting.scale(setting.itself[0])
    residual = (centred(answered) - expected) / scale
    generator = np.random.default_rng(1)
    noise = generator.standard_normal((visits.shape[1], SIMULATIONS))
    surprise = np.sqrt(error)[:, None] / scale * generator.standard_normal((len(scale), SIMULATIONS))
    precision = scale[:, 0] ** 2 / error
    left = visits @ noise - predicted(visits, visits @ noise + surprise, precision, setting.known)
    own = answered - scale * predicted(visits, residual, precision, setting.known)
    return own, (left**2).mean(axis=1)


def predicted(visits: sp.csr_matrix, observed: Floats, precision: Floats, known: Bools) -> Floats:
    """Predict the noise of all rows from the observations [n, j] of the known rows, each column by itself."""
    of_known = visits[known]
    weighted = of_known.T @ sp.diags(precision[known])
    matrix = (sp.identity(visits.shape[1]) + weighted @ of_known).tocsr()
    solved = [cg(matrix, column, rtol=1e-3, maxiter=100)[0] for column in (weighted @ observed[known]).T]
    return np.asarray(visits @ np.stack(solved, axis=1))


def expectation(setting: Setting) -> tuple[Floats, Floats]:
    """Compute the logits that shadow models lead one to expect, by membership: the mean [n, k], the variance [n]."""
    same = (setting.trained_on == setting.member)[:, :, None]
    logits = centred(setting.shadows)
    mean = (logits * same).sum(axis=0) / same.sum(axis=0)
    variance = (((logits - mean) * same) ** 2).sum(axis=(0, 2)) / same.sum(axis=0)[:, 0] / logits.shape[2]
    return mean, variance + 1e-3


def attack(setting: Setting, own: Floats, left: Floats) -> float:
    """Compute the AUC of the better LiRA on unknown rows; its shadow models have as much noise as is left."""
    shadows = []
    for model, logits in enumerate(setting.shadows):
        noise = np.random.default_rng(model).standard_normal(logits.shape, dtype=np.float32)
        noisy = logits + setting.scale(logits) * np.sqrt(left)[:, None] * noise
        shadows.append(signals(log_softmax(noisy, axis=1), setting.y).logit)
    seen, judged = signals(log_softmax(own, axis=1), setting.y).logit, ~setting.known
    scores = (online(seen, np.stack(shadows), setting.trained_on, fixed_variance=fixed) for fixed in (True, False))
    return max(auc(placements(score[judged], setting.member[judged])).value for score in scores)


def centred(logits: Floats) -> Floats:
    """Subtract the mean of each row."""
    return logits - logits.mean(axis=-1, keepdims=True)


if __name__ == "__main__":
    main()
