import numpy as np
import pytest
import torch

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.parameters import Parameters


@pytest.mark.parametrize("temperature", [0.5, 1, 10])
def test_the_temperature_is_taken_back_exactly(temperature):
    head = DynaNoise(Parameters(0.5, 2, temperature))
    logits, noise = torch.randn(2, 50, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).unbind()
    log_p = torch.log_softmax(logits, dim=1)
    entropy = -(log_p.exp() * log_p).sum(dim=1, keepdim=True)
    noisy = logits + torch.sqrt(0.25 * (1 + 2 * (1 - entropy / np.log(7)))) * noise
    undone = head.undo(head.defend(logits, noise).log())
    torch.testing.assert_close(torch.log_softmax(undone, dim=1), torch.log_softmax(noisy, dim=1))


@pytest.mark.parametrize("answers", [1, 4, 16])
def test_the_mean_of_answers_is_drawn_from_the_law_of_answers_that_were_averaged(answers):
    head, generator = DynaNoise(Parameters(0.7, 3, 4)), torch.Generator().manual_seed(0)
    logits = torch.tensor([3.0, 1.0, -2.0], dtype=torch.float64).expand(20_000, 3)
    noise = torch.randn(answers, *logits.shape, dtype=torch.float64, generator=generator)
    asked = head.undo(head.defend(logits, noise).log()).mean(dim=0)
    drawn = head.averaged(logits, answers, generator)
    # Up to a constant a row: differences of two classes, of which 20,000 tell a deviation to 0.5%.
    for first, second in ((0, 1), (1, 2)):
        there, here = asked[:, first] - asked[:, second], drawn[:, first] - drawn[:, second]
        assert there.mean() == pytest.approx(float(logits[0, first] - logits[0, second]), abs=0.05)
        assert here.mean() == pytest.approx(float(there.mean()), abs=0.05)
        assert here.std() == pytest.approx(float(there.std()), rel=0.03)
