"""How large the noise must be, with kept labels, for scores to tell no more than labels.

    DYNANOISE_DATA=… python benchmarks/kept_labels.py --work DIR mlp-location30 alexnet-cifar10

DIR is that of benchmarks/results.py, whose targets and shadow models are taken. The undefended model is asked once; for
each σ₀ its answers go through the head with keyed noise and kept labels, and all attacks are made on them. The columns
are AUCs: of the best attack on the row's label alone, of the best on labels of rows near it; then of the best on scores
by the papers' attacker, by one who knows the defence and asks once (or as often as he likes, for it makes no
difference), and by one who averages 16 near-duplicates.
"""

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from results import row
from stored_logits import ITSELF, Answer, SourceModel, answers_to, observations, open_stored
from threadpoolctl import threadpool_limits

from dynanoise_export.attacks.attackers import attackers_of
from dynanoise_export.attacks.features import projected
from dynanoise_export.attacks.judging import carry_out
from dynanoise_export.attacks.queries.observations import DELTAS, LABEL_DELTA, Observations
from dynanoise_export.attacks.reading import attackable, evidence_for
from dynanoise_export.attacks.results import Result
from dynanoise_export.attacks.utility import cost, utility
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.noise.keyed.key import Key
from dynanoise_export.noise.keyed.keyed_noise import KeyedNoise
from dynanoise_export.noise.keyed.reference import keyed_normals
from dynanoise_export.parameters import Parameters

KEY = Key(bytes(range(32)))
SIGMAS = (0.5477, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 1000.0)
NEAR = (*DELTAS, LABEL_DELTA)
COLUMNS = (
    "σ₀", "label", "labels of neighbours", "naive", "×1", *(f"δ{delta:g}" for delta in NEAR),
    "accuracy", "flips", "calibration",
)  # fmt: skip


def main() -> None:
    """Print a table for each target."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="+", metavar="TARGET")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--sigma0", type=float, action="append")
    parser.add_argument("--lambda", dest="lambda_", type=float, default=2.0)
    parser.add_argument("--temperature", type=float, default=10.0)
    parser.add_argument("--keys", type=int, default=0, help="and ×1 again with so many keys, each another draw")
    arguments = parser.parse_args()
    for name in arguments.targets:
        target = open_stored(arguments.work / name)
        features = projected(target.audit.inputs)
        print(f"\n{name}: {target.audit.members:,} members, {target.audit.non_members:,} non-members\n")
        print(row(list(COLUMNS)), row(["---"] * len(COLUMNS)), sep="\n")
        with threadpool_limits(1):
            print(undefended(target, features), flush=True)
            for sigma0 in arguments.sigma0 or SIGMAS:
                parameters = Parameters(sigma0, arguments.lambda_, arguments.temperature)
                head = DynaNoise(parameters, keep_label=True)
                print(defended(target, features, head), flush=True)
                for number in range(arguments.keys):
                    key = Key(bytes([number]) * 32)
                    print(f"key {number}, ×1: {best(with_key(target, features, head, key))}", flush=True)


def undefended(target: SourceModel, features: npt.NDArray[np.float32]) -> str:
    """Attack the undefended model, and write a line."""
    seen = observations(target, softmax)
    results = list(attacked(target, features, None, seen))
    worth = utility(target.audit, seen.repeated[1])
    nothing = [""] * len(NEAR)
    told = ["–", label(results), labels_of_neighbours(results), best(results), "", *nothing]
    return row([*told, f"{worth.accuracy.value:.4f}", "", f"{worth.calibration_error:.3f}"])


def defended(target: SourceModel, features: npt.NDArray[np.float32], head: DynaNoise) -> str:
    """Attack a head with keyed noise on the same model, and write a line."""
    tables = KeyedNoise(KEY).tables(target.logits[ITSELF].shape[2])
    seen = observations(target, lambda logits: head.defend(logits, keyed_normals(logits, tables)))
    results = list(attacked(target, features, head, seen))
    worth = utility(target.audit, seen.repeated[1])
    paid = cost(target.audit, answers_to(target.logits[ITSELF], target.audit, softmax), seen.repeated[1])
    adaptive = [result for result in results if result.attacker.adaptive]
    told = [f"{head.parameters.sigma0:g}", label(results), labels_of_neighbours(results)]
    told.append(best(result for result in results if not result.attacker.adaptive))
    told += [best(r for r in adaptive if r.attacker.near_duplicates == delta) for delta in (None, *NEAR)]
    return row([*told, f"{worth.accuracy.value:.4f}", f"{paid.flips:.4f}", f"{worth.calibration_error:.3f}"])


def with_key(target: SourceModel, features: npt.NDArray[np.float32], head: DynaNoise, key: Key) -> Iterator[Result]:
    """Attack one answer to each row, with another key."""
    tables = KeyedNoise(key).tables(target.logits[ITSELF].shape[2])
    once = answers_to(
        target.logits[ITSELF], target.audit, lambda logits: head.defend(logits, keyed_normals(logits, tables))
    )
    results = attacked(target, features, head, Observations({1: once}, {}, None, None))
    return (result for result in results if result.attacker.adaptive)


softmax: Answer = lambda logits: torch.softmax(logits, dim=1)  # noqa: E731


def attacked(
    target: SourceModel, features: npt.NDArray[np.float32], head: DynaNoise | None, seen: Observations
) -> Iterator[Result]:
    """Make all attacks."""
    common = attackable(target.audit, features, head, target.store)
    for attacker, answers in attackers_of(seen, defended=head is not None):
        yield from carry_out(
            attacker, evidence_for(attacker, answers, common), target.audit.member, target.audit.judged
        )


def label(results: Iterable[Result]) -> str:
    """Tell the largest AUC of attacks on the label of the row itself."""
    return best((result for result in results if result.attacker.queries == 1), labels=True)


def labels_of_neighbours(results: Iterable[Result]) -> str:
    """Tell the largest AUC of attacks on labels of rows near it."""
    return best((result for result in results if result.attacker.queries > 1), labels=True)


def best(results: Iterable[Result], *, labels: bool = False) -> str:
    """Tell the largest AUC of attacks on labels alone, or on scores."""
    auc, name = max((result.auc.value, result.attack.name) for result in results if result.attack.labels_only == labels)
    return f"{auc:.3f} ({name})"


if __name__ == "__main__":
    main()
