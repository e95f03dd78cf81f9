"""Which grid keyed noise should have: what three attackers get back of the noise on each.

    DYNANOISE_DATA=… python benchmarks/noise_grids.py --work DIR mlp-location30 alexnet-cifar10

DIR is that of benchmarks/results.py, whose targets and shadow models are taken. Labels are not kept, so that nothing
but the noise stands between an attacker and the logits, and the noise is large enough to matter. All know the defence
and have shadow models behind it; the figures are AUCs of the better of two forms of LiRA on the rows that nobody knows.

- One answer; exact repeats are the same answer.
- 16 near-duplicates, averaged, at three distances.
- The calibrating attacker knows who is a member for half of the rows, estimates their noise (what was answered less
  what shadow models lead one to expect) and takes it off other rows. He is told more than he could find out: which rows
  share a cell of which grid. The noise of cells is estimated by the best linear predictor from all that he knows.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch
from results import row
from scipy.sparse.linalg import cg
from scipy.special import log_softmax
from stored_logits import ITSELF, SourceModel, open_stored

from dynanoise_export.attacks.methods.lira import online
from dynanoise_export.attacks.metrics.auc import auc, placements
from dynanoise_export.attacks.queries.observations import DELTAS
from dynanoise_export.attacks.signals import signals
from dynanoise_export.defences.dynanoise_reference import noise_scale
from dynanoise_export.noise.keyed.key import Key
from dynanoise_export.noise.keyed.keyed_noise import KeyedNoise
from dynanoise_export.noise.keyed.reference import cells_of, keyed_normals, places_of
from dynanoise_export.noise.keyed.tables import Tables
from dynanoise_export.parameters import Parameters

Floats = npt.NDArray[np.floating]

KEY = Key(bytes(range(32)))
GRIDS = ((0.05,), (0.1,), (0.2,), (0.35,), (0.5,), (0.7,), (1.0,), (2.0,), (0.05, 0.5), (0.1, 1.0))
VARIANCES = {"mlp-location30": 30.0, "alexnet-cifar10": 3.0}
MOST_ROWS = 6000
SIMULATIONS = 8
COLUMNS = ("grid", "share a cell", "×1", *(f"δ{delta:g}" for delta in DELTAS), "×1, calibrated", "δ0.1, calibrated")


@dataclass(frozen=True)
class Setting:
    """A target and the rows of it that are looked at.

    Attributes:
        logits: float32 [c, n, k] of the target, for each kind of query.
        shadows: float32 [m, n, k].
        kept: bool [m, n].
        y: [n].
        member: bool [n].
        known: bool [n], whose membership the calibrating attacker knows.
        parameters: of the defence.
    """

    logits: dict[str, Floats]
    shadows: Floats
    kept: npt.NDArray[np.bool_]
    y: npt.NDArray[np.int64]
    member: npt.NDArray[np.bool_]
    known: npt.NDArray[np.bool_]
    parameters: Parameters

    def scale(self, logits: Floats) -> Floats:
        """Tell σ(q), [n, 1]."""
        return noise_scale(torch.from_numpy(np.ascontiguousarray(logits)), self.parameters).numpy()


def main() -> None:
    """Print a table for each target."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="+", choices=VARIANCES)
    parser.add_argument("--work", type=Path, required=True)
    arguments = parser.parse_args()
    for name in arguments.targets:
        setting = of_target(open_stored(arguments.work / name), VARIANCES[name])
        rows, itself = len(setting.y), setting.logits[ITSELF][0]
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


def of_target(target: SourceModel, base_variance: float) -> Setting:
    """Take the judged rows, or as many of them as are looked at."""
    generator = np.random.default_rng(0)
    rows = np.sort(generator.permutation(np.flatnonzero(target.audit.judged))[:MOST_ROWS])
    return Setting(
        logits={name: np.asarray(logits[:, rows]) for name, logits in target.logits.items()},
        shadows=np.asarray(target.store.logits[:, rows]),
        kept=np.asarray(target.store.kept[:, rows]),
        y=target.audit.y[rows],
        member=target.audit.member[rows],
        known=generator.random(len(rows)) < 0.5,
        parameters=Parameters.from_base_variance(base_variance, 2, 10),
    )


def of_grids(setting: Setting, grids: tuple[float, ...]) -> str:
    """Attack keyed noise on these grids, and write a line."""
    tables = KeyedNoise(KEY, grids).tables(setting.logits[ITSELF].shape[2])
    told = []
    for kind in (ITSELF, *(f"{delta:g}" for delta in DELTAS)):
        answered, visits = ask(setting, setting.logits[kind], tables)
        left = np.asarray(visits.multiply(visits).sum(axis=1)).ravel()
        told.append(attack(setting, answered, np.full(len(left), left.mean())))
        if kind == ITSELF:
            shared = float((np.bincount(visits.indices)[visits.indices] > 1).mean())
        if kind in (ITSELF, f"{DELTAS[-1]:g}"):
            told.append(attack(setting, *calibrated(setting, answered, visits)))
    once, once_calibrated, *near, near_calibrated = told
    figures = [once, *near, once_calibrated, near_calibrated]
    return row([" and ".join(f"{grid:g}" for grid in grids), f"{shared:.1%}", *(f"{auc:.3f}" for auc in figures)])


def ask(setting: Setting, logits: Floats, tables: Tables) -> tuple[Floats, sp.csr_matrix]:
    """Average answers to [c, n, k] queries.

    Returns:
        The mean noisy logits [n, k], and the weight of each cell's noise in them [n, cells].
    """
    noisy = [z + setting.scale(z) * keyed_normals(torch.from_numpy(z), tables).numpy() for z in logits]
    places = [places_of(torch.from_numpy(z), tables) for z in logits]
    rows = np.tile(np.arange(logits.shape[1]), len(logits))
    parts = []
    for cells in tables.cells:
        found = np.concatenate([cells_of(place, cells).numpy() for place in places])
        _, cell = np.unique(found, axis=0, return_inverse=True)
        weights = np.full(len(rows), 1 / len(logits) / np.sqrt(len(tables.cells)))
        parts.append(sp.csr_matrix((weights, (rows, cell.ravel())), shape=(logits.shape[1], int(cell.max()) + 1)))
    return np.mean(noisy, axis=0), sp.hstack(parts).tocsr()


def calibrated(setting: Setting, answered: Floats, visits: sp.csr_matrix) -> tuple[Floats, Floats]:
    """Take off the noise that known rows betray; give what is left, and the share of the variance in it, row by row."""
    expected, error = expectation(setting)
    scale = setting.scale(setting.logits[ITSELF][0])
    residual = (centred(answered) - expected) / scale
    generator = np.random.default_rng(1)
    noise = generator.standard_normal((visits.shape[1], SIMULATIONS))
    surprise = np.sqrt(error)[:, None] / scale * generator.standard_normal((len(scale), SIMULATIONS))
    precision = scale[:, 0] ** 2 / error
    left = visits @ noise - predicted(visits, visits @ noise + surprise, precision, setting.known)
    own = answered - scale * predicted(visits, residual, precision, setting.known)
    return own, (left**2).mean(axis=1)


def predicted(visits: sp.csr_matrix, observed: Floats, precision: Floats, known: npt.NDArray[np.bool_]) -> Floats:
    """Predict the noise of all rows from the observations [n, j] of those that are known, each column by itself."""
    of_known = visits[known]
    weighted = of_known.T @ sp.diags(precision[known])
    matrix = (sp.identity(visits.shape[1]) + weighted @ of_known).tocsr()
    solved = [cg(matrix, column, rtol=1e-3, maxiter=100)[0] for column in (weighted @ observed[known]).T]
    return np.asarray(visits @ np.stack(solved, axis=1))


def expectation(setting: Setting) -> tuple[Floats, Floats]:
    """Tell what shadow models lead one to expect of each row, by its membership: the mean [n, k], the variance [n]."""
    kept = (setting.kept == setting.member)[:, :, None]
    logits = centred(setting.shadows)
    mean = (logits * kept).sum(axis=0) / kept.sum(axis=0)
    variance = (((logits - mean) * kept) ** 2).sum(axis=(0, 2)) / kept.sum(axis=0)[:, 0] / logits.shape[2]
    return mean, variance + 1e-3


def attack(setting: Setting, own: Floats, left: Floats) -> float:
    """Give the AUC of the better LiRA on unknown rows; its shadow models are behind as much noise as is left."""
    shadows = []
    for model, logits in enumerate(setting.shadows):
        noise = np.random.default_rng(model).standard_normal(logits.shape, dtype=np.float32)
        noisy = logits + setting.scale(logits) * np.sqrt(left)[:, None] * noise
        shadows.append(signals(log_softmax(noisy, axis=1), setting.y).logit)
    seen, judged = signals(log_softmax(own, axis=1), setting.y).logit, ~setting.known
    scores = (online(seen, np.stack(shadows), setting.kept, fixed_variance=fixed) for fixed in (True, False))
    return max(auc(placements(score[judged], setting.member[judged])).value for score in scores)


def centred(logits: Floats) -> Floats:
    """Take a constant off each row."""
    return logits - logits.mean(axis=-1, keepdims=True)


if __name__ == "__main__":
    main()
