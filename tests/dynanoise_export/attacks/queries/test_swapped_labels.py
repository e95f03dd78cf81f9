import numpy as np
import pytest

from dynanoise_export.attacks.queries.swapped_labels import noise_taken_off
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.keep_label import keeping_label

ROWS = 60


def made(classes, kept):
    rng = np.random.default_rng(classes)
    defence = keeping_label(DynaNoise(3.0, 2.0, 6.0), kept)
    logits, noise = rng.normal(0, 3, (ROWS, classes)), rng.normal(size=(2, ROWS, classes))
    answers = np.stack([defence.undo(np.log(defence.defend(logits, one))) for one in noise])
    return defence, logits, answers, noise


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("classes", [3, 10, 40])
def test_the_logits_come_out(classes, kept):
    defence, logits, answers, noise = made(classes, kept)
    found = noise_taken_off(answers, noise, defence.law, kept=kept)
    off = found - logits
    # A kept label lowers the others' probabilities by 2**-20, and the temperature multiplies that.
    exact = 1e-6 + 6.0 * 2.0**-20
    assert np.median(np.abs(off - off.mean(axis=1, keepdims=True)).max(axis=1)) < exact
    assert (np.abs(off - off.mean(axis=1, keepdims=True)).max(axis=1) < 1e-3).mean() > 0.95


def test_swaps_matter():
    defence, _, answers, noise = made(10, True)
    assert noise_taken_off(answers, noise, defence.law, kept=False) is None


@pytest.mark.parametrize("kept", [False, True])
def test_other_noise_is_seen(kept):
    defence, _, answers, noise = made(10, kept)
    assert noise_taken_off(answers, noise[:, ::-1], defence.law, kept=kept) is None
