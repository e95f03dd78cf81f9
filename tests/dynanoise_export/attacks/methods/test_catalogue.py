"""What all attacks have in common."""

from dataclasses import replace

import numpy as np
import pytest

from dynanoise_export.attacks.evidence import with_shadow_as_target
from dynanoise_export.attacks.methods.catalogue import ATTACKS
from dynanoise_export.errors import UserError
from support.evidence import drawn

EVIDENCE, MEMBER = drawn(shadows=9, rows=400, effect=3)
EVIDENCE = replace(EVIDENCE, auxiliary=~MEMBER & (np.arange(400) < 300))


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_members_score_higher_and_every_score_is_finite(attack):
    scores = attack.score(EVIDENCE)
    assert scores.shape == (400,)
    assert scores.dtype == np.float64
    assert np.isfinite(scores).all()
    judged = ~EVIDENCE.auxiliary
    assert np.mean(scores[MEMBER & judged][:, None] > scores[~MEMBER & judged]) > 0.55 or attack.cut == 0.5


@pytest.mark.parametrize("attack", [a for a in ATTACKS if not a.auxiliary], ids=lambda attack: attack.name)
def test_a_shadow_model_that_plays_the_target_is_attacked_with_the_others(attack):
    playing = with_shadow_as_target(EVIDENCE, EVIDENCE.shadows, 2)
    kept = EVIDENCE.shadows.kept[2]
    scores = attack.score(playing)
    assert len(playing.shadows) == 8
    assert scores[kept].mean() > scores[~kept].mean()


@pytest.mark.parametrize("attack", [a for a in ATTACKS if a.shadows], ids=lambda attack: attack.name)
def test_without_shadow_models_an_attack_that_needs_them_says_so(attack):
    alone = replace(EVIDENCE, shadows=None)
    assert not attack.has_means(alone)
    assert attack.lacking(0, 0) == f"needs {attack.shadows} shadow models or more, and has none"
    with pytest.raises(UserError, match="give --shadows"):
        attack.score(alone)


def test_names_are_told_apart():
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)
