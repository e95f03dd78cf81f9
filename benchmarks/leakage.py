"""How much the trained targets leak without a defence, and how much of it shadow models reveal.

    python benchmarks/leakage.py CHECKPOINT BUNDLE [STORE]

Prints the accuracy on members and on non-members, and the AUC of two attacks: by the loss alone and, with a shadow
store, by LiRA (Carlini et al. 2022, online, with one variance for all rows). By chance the AUC is 0.5.
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.special import log_softmax
from sklearn.metrics import roc_auc_score

from dynanoise_export.attacks.methods import lira
from dynanoise_export.attacks.signals import signals
from dynanoise_export.bundles import Bundle, Part, load_bundle
from dynanoise_export.shadow_stores import load_shadow_store
from dynanoise_export.sources.open_source import open_source
from dynanoise_export.sources.reference_model import Reference


def main() -> None:
    """Query the model about the rows of its bundle and print one line of figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("store", type=Path, nargs="?")
    arguments = parser.parse_args()
    source = open_source(arguments.checkpoint)
    bundle = load_bundle(arguments.bundle, [spec.name for spec in source.inputs])
    with Reference(source) as reference:
        logits = reference.logits(bundle.inputs)
    correct = logits.argmax(axis=1) == bundle.y
    accuracies = {part: correct[bundle.split == part].mean() for part in (Part.MEMBER, Part.NON_MEMBER)}
    print(", ".join(f"{part} {accuracy:.4f}" for part, accuracy in accuracies.items()), end="")
    own = signals(log_softmax(logits, axis=1), bundle.y)
    print(f"; AUC by loss {auc(own.label, bundle):.3f}", end="")
    if arguments.store is not None:
        store = load_shadow_store(arguments.store)
        theirs = np.stack([signals(log_softmax(one, axis=1), bundle.y).logit for one in store.logits])
        scores = lira.online(own.logit, theirs, store.kept, fixed_variance=True)
        print(f", by LiRA with {len(store.kept)} shadow models {auc(scores, bundle):.3f}", end="")
    print()


def auc(scores: np.ndarray, bundle: Bundle) -> float:
    """Compute the AUC of scores [n] on the rows that are not auxiliary."""
    audited = bundle.split != Part.AUXILIARY
    return float(roc_auc_score(bundle.member[audited], scores[audited]))


if __name__ == "__main__":
    main()
