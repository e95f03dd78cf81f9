import numpy as np
import pytest
import torch
from torch import nn

from dynanoise_models.architectures.mlp import mlp
from dynanoise_models.training.loop import Task, fit
from dynanoise_models.training.rows import predict
from dynanoise_models.training.settings import Optimizer, Settings
from dynanoise_models.training.stack import Stack
from dynanoise_models.training.step_loss import CrossEntropy
from support.modules import seeded
from support.training import CPU, table

SETTINGS = Settings(epochs=5, batch=16, optimizer=Optimizer.ADAMW, learning_rate=1e-2)


def models():
    torch.manual_seed(0)
    return [mlp(4, (8,), 3) for _ in range(3)]


@pytest.mark.parametrize("smoothing", [0, 0.1])
def test_a_stack_learns_what_its_models_learn_alone(smoothing):
    rows, seeds = table(), [3, 1, 2]
    indices = np.stack([np.random.default_rng(seed).permutation(100)[:50] for seed in seeds])
    stack, singles = Stack(models()), models()
    fit(stack, Task(rows, indices, seeds, SETTINGS), CPU, loss=CrossEntropy(smoothing))
    for single, own, seed in zip(singles, indices, seeds, strict=True):
        fit(single, Task(rows, own[None], [seed], SETTINGS), CPU, loss=CrossEntropy(smoothing))
    together = predict(stack, rows, CPU)
    assert together.shape == (3, 100, 3)
    for answer, single in zip(together, singles, strict=True):
        np.testing.assert_allclose(answer, predict(single, rows, CPU), atol=1e-4)
    assert np.abs(together[0] - together[1]).max() > 0.1


def test_models_with_dropout_can_not_be_stacked():
    with pytest.raises(ValueError, match="can't be stacked"):
        Stack([seeded(lambda: nn.Sequential(nn.Linear(4, 3), nn.Dropout()))])
