"""Do the trained targets leak, and do their shadow models tell it? The plain models, without any defence.

    python benchmarks/leakage.py CHECKPOINT BUNDLE [STORE]

Prints the accuracy on members and on non-members, and the AUC of two attacks that tell the one from the other: by the
loss alone, and, with a shadow store, by the loss less its mean over the models that did not keep the row (difficulty
calibration, Watson et al. 2022). A coin has an AUC of 0.5.
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.special import log_softmax
from sklearn.metrics import roc_auc_score

from dynanoise_export.bundles import Bundle, Part, load_bundle
from dynanoise_export.shadow_stores import ShadowStore, load_shadow_store
from dynanoise_export.targets.opening import open_target
from dynanoise_export.validation.reference import reference_logits


def main() -> None:
    """Ask the model about the rows of its bundle and print one row of figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("store", type=Path, nargs="?")
    arguments = parser.parse_args()
    target = open_target(arguments.checkpoint)
    bundle = load_bundle(arguments.bundle, [spec.name for spec in target.inputs])
    logits = reference_logits(target, bundle.inputs)
    scores = -loss(logits, bundle)
    right = logits.argmax(axis=1) == bundle.y
    told = {part: f"{right[bundle.split == part].mean():.4f}" for part in (Part.MEMBER, Part.NON_MEMBER)}
    print(", ".join(f"{part} {accuracy}" for part, accuracy in told.items()), end="")
    print(f"; AUC by loss {auc(scores, bundle):.3f}", end="")
    if arguments.store is not None:
        store = load_shadow_store(arguments.store)
        print(
            f", calibrated by {len(store.kept)} shadow models {auc(scores - expected(store, bundle), bundle):.3f}",
            end="",
        )
    print()


def loss(logits: np.ndarray, bundle: Bundle) -> np.ndarray:
    """Give the cross-entropy [..., n] of logits [..., n, k]."""
    chosen = np.take_along_axis(log_softmax(logits.astype(np.float64), axis=-1), labels(logits, bundle), axis=-1)
    return -chosen[..., 0]


def labels(logits: np.ndarray, bundle: Bundle) -> np.ndarray:
    """Give the labels in the shape that picks one logit of each row."""
    return np.broadcast_to(bundle.y[:, None], (*logits.shape[:-1], 1))


def expected(store: ShadowStore, bundle: Bundle) -> np.ndarray:
    """Give the mean score of each row over the models that did not keep it."""
    scores = np.stack([-loss(answers, bundle) for answers in store.logits])
    return np.where(store.kept, 0, scores).sum(axis=0) / (~store.kept).sum(axis=0)


def auc(scores: np.ndarray, bundle: Bundle) -> float:
    """Tell how well scores [n] tell members from non-members."""
    audited = bundle.split != Part.AUXILIARY
    return float(roc_auc_score(bundle.member[audited], scores[audited]))


if __name__ == "__main__":
    main()
