import numpy as np
import torch
from torch import nn

from dynanoise_models.training.rows import Rows, accuracy, predict
from support.training import CPU


class CountingTokens(nn.Module):
    """Answers with the number of tokens, their sum, and the length of the batch."""

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        length = torch.full((len(input_ids),), input_ids.shape[1])
        return torch.stack([attention_mask.sum(1), (input_ids * attention_mask).sum(1), length], dim=1)


def sentences():
    generator = np.random.default_rng(0)
    lengths = generator.integers(1, 20, 50)
    mask = (np.arange(30) < lengths[:, None]).astype(np.int64)
    ids = generator.integers(1, 100, (50, 30)) * mask
    return Rows({"input_ids": ids, "attention_mask": mask}, lengths % 2), lengths


def test_sentences_are_cut_to_the_longest_of_a_batch_and_answered_in_order():
    rows, lengths = sentences()
    answers = predict(CountingTokens(), rows, CPU, batch=7)
    np.testing.assert_array_equal(answers[:, 0], lengths)
    np.testing.assert_array_equal(answers[:, 1], rows.inputs["input_ids"].sum(axis=1))
    assert (answers[:, 2] >= lengths).all()
    assert answers[:, 2].mean() < lengths.mean() + 3  # padded to 30, or in their own order, it would be far more


def test_the_rows_at_the_indices_are_answered_in_the_order_of_the_indices():
    rows, lengths = sentences()
    indices = np.array([40, 3, 17, 3])
    np.testing.assert_array_equal(predict(CountingTokens(), rows, CPU, indices, batch=2)[:, 0], lengths[indices])


def test_accuracy_is_the_share_of_correct_answers():
    assert accuracy(np.array([[1.0, 2], [3, 1], [0, 1], [0, 1]]), np.array([1, 0, 0, 1])) == 0.75
    assert accuracy(np.empty((0, 2)), np.empty(0, int)) is None
