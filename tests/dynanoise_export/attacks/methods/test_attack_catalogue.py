"""What all built-in attacks have in common, and how others join them."""

import re
from dataclasses import replace

import numpy as np
import pytest

from dynanoise_export.attacks.evidence import with_shadow_as_target
from dynanoise_export.attacks.methods.attack import Attack, Requirement, SkippedAttack
from dynanoise_export.attacks.methods.attack_catalogue import ATTACKS
from dynanoise_export.errors import UsageError
from support.evidence import random_evidence

BUILT_IN = [attack for _, attack in ATTACKS.all()]
EVIDENCE, MEMBER = random_evidence(shadows=9, rows=400, effect=3)
EVIDENCE = replace(EVIDENCE, auxiliary=~MEMBER & (np.arange(400) < 300))


@pytest.mark.parametrize("attack", BUILT_IN, ids=lambda attack: attack.code)
def test_members_score_higher_and_every_score_is_finite(attack):
    scores = attack.score(EVIDENCE)
    assert scores.shape == (400,)
    assert scores.dtype == np.float64
    assert np.isfinite(scores).all()
    judged = ~EVIDENCE.auxiliary
    assert np.mean(scores[MEMBER & judged][:, None] > scores[~MEMBER & judged]) > 0.55 or attack.fixed_threshold == 0.5


@pytest.mark.parametrize("attack", [a for a in BUILT_IN if not a.auxiliary], ids=lambda attack: attack.code)
def test_a_shadow_model_that_plays_the_target_is_attacked_with_the_others(attack):
    playing = with_shadow_as_target(EVIDENCE, EVIDENCE.shadows, 2)
    trained_on = EVIDENCE.shadows.trained_on[2]
    scores = attack.score(playing)
    assert len(playing.shadows) == 8
    assert scores[trained_on].mean() > scores[~trained_on].mean()


@pytest.mark.parametrize("attack", [a for a in BUILT_IN if a.shadows], ids=lambda attack: attack.code)
def test_without_shadow_models_an_attack_that_needs_them_says_so(attack):
    alone = replace(EVIDENCE, shadows=None)
    assert not attack.can_run(alone)
    assert attack.missing(0, 0) == SkippedAttack(attack, Requirement.SHADOW_MODELS, attack.shadows, 0)
    with pytest.raises(UsageError):
        attack.score(alone)


def test_codes_are_the_names_in_the_registry_and_display_names_differ():
    assert [attack.code for attack in BUILT_IN] == ATTACKS.names()
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", attack.code) for attack in BUILT_IN)
    assert len({attack.name for attack in BUILT_IN}) == len(BUILT_IN)


def test_an_unknown_attack_is_refused():
    with pytest.raises(UsageError, match="lira-online-fixed"):
        ATTACKS.get("lira-on-line")


def test_a_registered_attack_comes_last_and_leaves_with_its_block():
    toy = Attack("toy", "toy", "nobody", lambda evidence: evidence.signals.margin)
    with ATTACKS.registered("toy", toy):
        assert [attack for _, attack in ATTACKS.all()] == [*BUILT_IN, toy]
    assert ATTACKS.names() == [attack.code for attack in BUILT_IN]
