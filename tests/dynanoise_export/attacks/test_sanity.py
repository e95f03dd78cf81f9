"""Whether answers fit the labels: what is refused before any attack, and what is not."""

from dataclasses import dataclass

import numpy as np
import onnx
import pytest

from dynanoise_export.attacks.attacking_model import attack
from dynanoise_export.attacks.sanity import FEWEST, agreement, likely_cause
from dynanoise_export.bundles import bundle_sha256
from dynanoise_export.errors import DataError
from support.audits import make_audit, save_store

CLASSES = 5


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Give the files of an audit whose model is right on most members."""
    return make_audit(tmp_path_factory.mktemp("sanity") / "made", rows=300, classes=CLASSES)


@dataclass
class Changed:
    """Change the rows of an audit."""

    made: object
    folder: object

    def __call__(self, **arrays):
        with np.load(self.made.bundle) as bundle:
            np.savez(self.folder / "rows.npz", **(dict(bundle) | arrays))
        return self.folder / "rows.npz"


@pytest.fixture
def changed(made, tmp_path):
    return Changed(made, tmp_path)


def draw(rows=400, right=0.8, classes=CLASSES, seed=0):
    """Draw labels, and answers of which a share is right and the rest is random."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, rows)
    return np.where(rng.random(rows) < right, y, rng.integers(0, classes, rows)), y


def test_the_chance_is_that_of_scikit_learns_kappa():
    from sklearn.metrics import cohen_kappa_score

    answered, y = draw(right=0.3)
    found = agreement(answered, y)
    kappa = cohen_kappa_score(answered, y)
    assert (found.accuracy - found.chance) / (1 - found.chance) == pytest.approx(kappa)


@pytest.mark.parametrize(("right", "near"), [(0.8, False), (0.2, False), (0.0, True)])
def test_answers_that_are_independent_of_the_labels_are_near_chance(right, near):
    assert agreement(*draw(right=right)).near_chance == near


def test_a_class_that_most_rows_have_deceives_nobody():
    y = (np.arange(500) % 20 == 0).astype(np.int64)
    assert agreement(np.zeros(500, np.int64), y).near_chance
    half = np.where(np.arange(500) % 40 == 0, 1, 0)  # it finds half of the rare class, for an accuracy of 97.6%
    assert not agreement(half, y).near_chance


def test_few_rows_say_nothing():
    answered, y = draw(FEWEST - 1, right=0.0)
    assert not agreement(answered, y).near_chance


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (lambda y: y + 1, "shifted by one: subtract 1"),
        (lambda y: y - 1, "shifted by one: add 1"),
        (lambda y: (2 * y + 1) % CLASSES, "another order"),
    ],
)
def test_the_likely_cause_is_named(labels, words):
    answered, y = draw(right=0.9)
    if words.endswith("add 1"):
        answered, y = answered[y > 0], y[y > 0]
    assert words in likely_cause(answered, labels(y))


def test_answers_of_one_class_point_to_the_scale_of_the_values():
    _, y = draw()
    assert "scaled" in likely_cause(np.full(len(y), 3), y)


def test_labels_that_do_not_fit_are_refused_before_the_queries(made, changed, tmp_path):
    rows = changed(y=(made.y + 1) % CLASSES)
    steps = []
    with pytest.raises(DataError, match=r"chance .* --force"):
        attack(made.defended, rows, queries=(1,), cache=tmp_path / "cache", progress=steps.append)
    assert not any(step.unit == "queries" for step in steps)
    assert not (tmp_path / "cache").exists()
    assert attack(made.defended, rows, queries=(1,), force=True).results


def test_the_reference_is_judged_too(made, changed):
    with pytest.raises(DataError, match=r"plain\.onnx"):
        attack(made.defended, changed(y=(made.y + 1) % CLASSES), reference=made.plain, queries=(1,))


def test_a_model_that_is_not_that_of_the_reference_is_refused(made, tmp_path):
    graph = (
        f'<ir_version: 10, opset_import: ["" : 18]> g (float[n, {CLASSES}] x) => (float[n, {CLASSES}] p) '
        "<float minus = {-1}> { z = Mul (x, minus) p = Softmax (z) }"
    )
    onnx.save(onnx.parser.parse_model(graph), tmp_path / "other.onnx")
    with pytest.raises(DataError, match="reference"):
        attack(tmp_path / "other.onnx", made.bundle, reference=made.plain, queries=(1,))


def test_shadow_models_of_another_accuracy_are_refused(made, tmp_path):
    kept = np.load(made.store / "kept.npy")
    logits = np.random.default_rng(0).normal(size=(*kept.shape, CLASSES)).astype(np.float32)
    save_store(tmp_path / "store", logits, kept, bundle_sha256(made.bundle))
    with pytest.raises(DataError, match="shadow models"):
        attack(made.plain, made.bundle, shadows=tmp_path / "store", queries=(1,))
