"""Do the trained targets leak, and do their shadow models tell it? The plain models, without any defence.

    python benchmarks/leakage.py CHECKPOINT BUNDLE [STORE]

Prints the accuracy on members and on non-members, and the AUC of two attacks that tell the one from the other: by the
loss alone, and, with a shadow store, by LiRA (Carlini et al. 2022, online, with one variance for all rows). A coin has
an AUC of 0.5.
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.special import log_softmax, logsumexp
from scipy.stats import norm
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
    right = logits.argmax(axis=1) == bundle.y
    told = {part: f"{right[bundle.split == part].mean():.4f}" for part in (Part.MEMBER, Part.NON_MEMBER)}
    print(", ".join(f"{part} {accuracy}" for part, accuracy in told.items()), end="")
    print(f"; AUC by loss {auc(log_probability(logits, bundle.y), bundle):.3f}", end="")
    if arguments.store is not None:
        store = load_shadow_store(arguments.store)
        print(f", by LiRA with {len(store.kept)} shadow models {auc(lira(logits, store, bundle), bundle):.3f}", end="")
    print()


def log_probability(logits: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Give the logarithm [..., n] of the probability of the label, of logits [..., n, k]."""
    chosen = np.broadcast_to(y[:, None], (*logits.shape[:-1], 1))
    return np.take_along_axis(log_softmax(logits.astype(np.float64), axis=-1), chosen, axis=-1)[..., 0]


def confidence(logits: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Give log(p / (1 - p)) of the label [..., n]: its logit less the logarithm of what the others sum up to."""
    other = np.arange(logits.shape[-1]) != y[:, None]
    return log_probability(logits, y) - logsumexp(log_softmax(logits.astype(np.float64), axis=-1), axis=-1, b=other)


def lira(logits: np.ndarray, store: ShadowStore, bundle: Bundle) -> np.ndarray:
    """Give each row the log-likelihood ratio of having been learnt."""
    own = confidence(logits, bundle.y)
    shadow = np.ma.array([confidence(answers, bundle.y) for answers in store.logits])
    ratio = np.zeros_like(own)
    for sign, models in ((1, store.kept), (-1, ~store.kept)):
        scores = np.ma.array(shadow, mask=~models)
        spread = (scores - scores.mean(axis=0)).std()
        ratio += sign * norm.logpdf(own, scores.mean(axis=0), spread)
    return ratio


def auc(scores: np.ndarray, bundle: Bundle) -> float:
    """Tell how well scores [n] tell members from non-members."""
    audited = bundle.split != Part.AUXILIARY
    return float(roc_auc_score(bundle.member[audited], scores[audited]))


if __name__ == "__main__":
    main()
