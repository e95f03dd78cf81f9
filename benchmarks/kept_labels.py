"""How much noise is needed, with kept labels, until scores reveal no more than labels.

    DYNANOISE_DATA=… python benchmarks/kept_labels.py --work DIR mlp-location30 alexnet-cifar10

DIR is that of benchmarks/results.py, and its targets and shadow models are used. The undefended model is queried once.
For each σ₀ its answers pass through the defence, with keyed noise and kept labels, and all attacks run on them. The
columns are AUCs: of the best attack on the row's label alone, and of the best on labels of rows near it; then of the
best on scores by the papers' attacker, by an attacker who knows the defence and sends one query (or any number, because
repeats get the same answer), and by one who averages 16 near-duplicates.
"""

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path

from results import row
from scipy.special import softmax as softmax_of
from stored_logits import Answer, StoredTarget, open_stored
from threadpoolctl import threadpool_limits

from dynanoise_export.attacks.attacker_evidence import evidence_of, share_evidence
from dynanoise_export.attacks.attackers import attackers_of
from dynanoise_export.attacks.judging import run_attacks
from dynanoise_export.attacks.queries.query_plan import DISTANCES, NEIGHBOUR_DISTANCE
from dynanoise_export.attacks.responses import ModelResponses
from dynanoise_export.attacks.results import Result
from dynanoise_export.attacks.utility import cost, utility
from dynanoise_export.defences.base import Defence
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.keep_label import KeptLabel
from dynanoise_export.noise.keyed.key import Key
from dynanoise_export.noise.keyed.keyed_noise import KeyedNoise
from dynanoise_export.noise.keyed.reference import keyed_normals
from dynanoise_export.types import Floats

KEY = Key(bytes(range(32)))
SIGMAS = (0.5477, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 1000.0)
NEAR = (*DISTANCES, NEIGHBOUR_DISTANCE)
COLUMNS = (
    "σ₀", "label", "labels of neighbours", "naive", "×1", *(f"δ{distance:g}" for distance in NEAR),
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
    parser.add_argument("--keys", type=int, default=0, help="repeat ×1 with this many other keys, each another draw")
    arguments = parser.parse_args()
    for name in arguments.targets:
        target = open_stored(arguments.work / name)
        print(f"\n{name}: {target.audit.members:,} members, {target.audit.non_members:,} non-members\n")
        print(row(list(COLUMNS)), row(["---"] * len(COLUMNS)), sep="\n")
        with threadpool_limits(1):
            print(undefended(target), flush=True)
            for sigma0 in arguments.sigma0 or SIGMAS:
                defence = KeptLabel(DynaNoise(sigma0, arguments.lambda_, arguments.temperature))
                print(defended(target, defence, sigma0), flush=True)
                for number in range(arguments.keys):
                    key = Key(bytes([number]) * 32)
                    print(f"key {number}, ×1: {best(with_key(target, defence, key))}", flush=True)


def undefended(target: StoredTarget) -> str:
    """Attack the undefended model, and write a line."""
    responses = target.responses(softmax)
    results = list(attacked(target, None, responses))
    useful = utility(target.audit, responses.repeated[1])
    cells = ["–", label(results), labels_of_neighbours(results), best(results), "", *([""] * len(NEAR))]
    return row([*cells, f"{useful.accuracy.value:.4f}", "", f"{useful.calibration_error:.3f}"])


def defended(target: StoredTarget, defence: Defence, sigma0: float) -> str:
    """Attack a defence with keyed noise on the same model, and write a line."""
    responses = target.responses(keyed(target, defence, KEY))
    results = list(attacked(target, defence, responses))
    useful = utility(target.audit, responses.repeated[1])
    paid = cost(target.audit, target.respond(target.itself, softmax), responses.repeated[1])
    adaptive = [result for result in results if result.attacker.adaptive]
    cells = [f"{sigma0:g}", label(results), labels_of_neighbours(results)]
    cells.append(best(result for result in results if not result.attacker.adaptive))
    cells += [best(r for r in adaptive if r.attacker.distance == distance) for distance in (None, *NEAR)]
    return row([*cells, f"{useful.accuracy.value:.4f}", f"{paid.flips:.4f}", f"{useful.calibration_error:.3f}"])


def with_key(target: StoredTarget, defence: Defence, key: Key) -> Iterator[Result]:
    """Attack one answer to each row, with another key."""
    once = target.respond(target.itself, keyed(target, defence, key))
    results = attacked(target, defence, ModelResponses({1: once}, {}, None, None))
    return (result for result in results if result.attacker.adaptive)


def keyed(target: StoredTarget, defence: Defence, key: Key) -> Answer:
    """Answer with keyed noise."""
    tables = KeyedNoise(key).tables(target.itself.shape[2])
    return lambda logits: defence.defend(logits, keyed_normals(logits, tables))


def softmax(logits: Floats) -> Floats:
    """Answer without a defence."""
    answers: Floats = softmax_of(logits, axis=1)
    return answers


def attacked(target: StoredTarget, defence: Defence | None, responses: ModelResponses) -> Iterator[Result]:
    """Run all attacks."""
    shared = share_evidence(target.audit, defence, target.store)
    for attacker, read in attackers_of(responses, defence):
        yield from run_attacks(attacker, evidence_of(attacker, read, shared), target.audit)


def label(results: Iterable[Result]) -> str:
    """Write the largest AUC of attacks on the label of the row itself."""
    return best((result for result in results if result.attacker.queries == 1), labels=True)


def labels_of_neighbours(results: Iterable[Result]) -> str:
    """Write the largest AUC of attacks on labels of rows near it."""
    return best((result for result in results if result.attacker.queries > 1), labels=True)


def best(results: Iterable[Result], *, labels: bool = False) -> str:
    """Write the largest AUC of attacks on labels alone, or on scores."""
    auc, name = max((result.auc.value, result.attack.name) for result in results if result.attack.labels_only == labels)
    return f"{auc:.3f} ({name})"


if __name__ == "__main__":
    main()
