import numpy as np
import pytest

from dynanoise_export.attacks.attackers import Attacker, attackers_of
from dynanoise_export.attacks.responses import ModelResponses, Responses
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.temperature import Temperature


def responses(count):
    return Responses(np.zeros((1, 2), np.float32), np.zeros(1, np.float32), np.zeros(1, np.int32), count)


ALL = ModelResponses({1: responses(1), 16: responses(16)}, {0.01: responses(16)}, responses(16), responses(5))
REPEATED = ModelResponses({1: responses(1), 16: responses(16)}, {}, None, None)
ONCE = ModelResponses({1: responses(1)}, {}, responses(16), responses(5))


def names(responses, defence):
    return [attacker.name for attacker, _ in attackers_of(responses, defence)]


def test_a_defence_with_noise_has_naive_adaptive_and_label_attackers():
    assert names(ALL, DynaNoise()) == [
        "naive",
        "adaptive, 1 answer",
        "adaptive, 16 answers averaged",
        "adaptive, 16 near-duplicates at 0.01",
        "adaptive, 16 near-duplicates at 0.5",
        "labels of 16 neighbours at 0.5",
        "labels of 5 transformed images",
    ]


def test_a_defence_without_noise_is_undone_but_not_averaged():
    assert names(ONCE, Temperature()) == [
        "naive",
        "adaptive, 1 answer",
        "labels of 16 neighbours at 0.5",
        "labels of 5 transformed images",
    ]


def test_an_undefended_model_has_one_attacker_on_scores():
    assert names(ONCE, None) == [
        "without the defence",
        "labels of 16 neighbours at 0.5, without the defence",
        "labels of 5 transformed images, without the defence",
    ]


@pytest.mark.parametrize("defence", [DynaNoise(), Temperature(), None])
def test_attackers_state_what_they_know_and_how_many_queries_they_send(defence):
    for attacker, read in attackers_of(ALL if defence else ONCE, defence):
        assert attacker.queries == read.count
        assert attacker.defended == (defence is not None)
        assert attacker.adaptive == attacker.name.startswith("adaptive")
        assert attacker.labels_only == attacker.name.startswith("labels")


def test_without_neighbours_and_images_only_repeats_are_attacked():
    assert [attacker for attacker, _ in attackers_of(REPEATED, DynaNoise())] == [
        Attacker("naive", True, False, 1),
        Attacker("adaptive, 1 answer", True, True, 1),
        Attacker("adaptive, 16 answers averaged", True, True, 16),
    ]
