import numpy as np
import pytest

from dynanoise_export.attacks.attackers import Attacker, attackers_of
from dynanoise_export.attacks.responses import ModelResponses, Responses
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.temperature import Temperature


def responses(count, spread=1.0):
    spreads = np.full(1, spread if count > 1 else 0, np.float32)
    return Responses(np.zeros((1, 2), np.float32), spreads, np.zeros(1, np.int32), count)


REPEATED = ModelResponses({1: responses(1), 16: responses(16)})
ONCE = ModelResponses({1: responses(1)})


def attackers(responses, defence):
    return [attacker for attacker, _ in attackers_of(responses, defence)]


def test_a_defence_with_noise_has_a_naive_and_adaptive_attackers():
    assert attackers(REPEATED, DynaNoise()) == [
        Attacker("naive", True, False, 1),
        Attacker("adaptive, 1 answer", True, True, 1),
        Attacker("adaptive, 16 answers averaged", True, True, 16),
    ]


def test_equal_answers_are_not_averaged():
    repeating = ModelResponses({1: responses(1), 16: responses(16, spread=0.0)})
    assert [one.queries for one in attackers(repeating, DynaNoise()) if one.adaptive] == [1]


def test_a_defence_without_noise_is_undone_but_not_averaged():
    assert [one.name for one in attackers(ONCE, Temperature())] == ["naive", "adaptive, 1 answer"]


def test_an_undefended_model_has_one_attacker():
    assert attackers(ONCE, None) == [Attacker("without the defence", False, False, 1)]


@pytest.mark.parametrize("defence", [DynaNoise(), None])
def test_attackers_state_how_many_queries_they_send(defence):
    for attacker, read in attackers_of(REPEATED, defence):
        assert attacker.queries == read.count
        assert attacker.defended == (defence is not None)
