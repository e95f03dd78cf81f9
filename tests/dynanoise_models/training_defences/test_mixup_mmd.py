import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from dynanoise_export.errors import UsageError
from dynanoise_models.training.rows import Rows
from dynanoise_models.training.step_loss import TrainingStep
from dynanoise_models.training_defences.mixup_mmd import MixedLoss, MixupMMD, class_discrepancy
from dynanoise_models.training_defences.reference_rows import ReferenceRows
from support.training_defences import PLAIN, linear, softmax, training_on, training_on_table


def kernel(a, b):
    return np.exp(-cdist(a, b, "sqeuclidean") / 2)


def by_hand(p, q, y):
    """Compute the mean over the rows of the squared discrepancy of each row's class."""
    total = 0.0
    for label in y:
        a, b = p[y == label], q[y == label]
        total += kernel(a, a).mean() + kernel(b, b).mean() - 2 * kernel(a, b).mean()
    return total / len(y)


def test_the_discrepancy_is_that_of_each_class():
    generator = np.random.default_rng(0)
    p, q = generator.dirichlet([1, 1, 1], (2, 12))
    y = generator.integers(0, 3, 12)
    found = class_discrepancy(torch.tensor(p), torch.tensor(q), torch.from_numpy(y))
    assert found.item() == pytest.approx(by_hand(p, q, y))
    assert class_discrepancy(torch.tensor(p), torch.tensor(p), torch.from_numpy(y)).item() == pytest.approx(0)


def test_two_certain_answers_of_one_row_each_are_as_far_apart_as_the_kernel_says():
    p, q = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    assert class_discrepancy(p, q, torch.tensor([0])).item() == pytest.approx(2 - 2 * np.exp(-1))


def test_the_loss_is_that_of_the_blends_and_their_labels_plus_the_weighted_discrepancy():
    training = training_on_table()
    seen, model = [], linear(0).double()

    def forward(inputs):
        logits = model(inputs["x"].double())
        seen.append((inputs["x"].numpy(), softmax(logits.detach().numpy())))
        return logits

    rows, indices = training.task.rows, np.arange(30)
    inputs, y = rows.batch(indices, training.device)
    torch.manual_seed(3)
    loss, _ = MixedLoss(1.0, 5.0, ReferenceRows(training, "mixup-mmd"))(TrainingStep(forward, inputs, y, indices, 0))
    (blends, mixed), (x, p), (others, q) = seen
    np.testing.assert_array_equal(x, rows.inputs["x"][:30])
    # Each blend lies on the line from its row to another row; the first gives the share of all.
    lines = [(np.linalg.lstsq((row - x[0])[:, None], blends[0] - x[0], rcond=None)) for row in x[1:]]
    share = 1 - lines[int(np.argmin([line[1][0] for line in lines]))][0][0]
    order = cdist((blends - share * x) / (1 - share), x).argmin(axis=1)
    labels = share * np.eye(3)[rows.y[:30]] + (1 - share) * np.eye(3)[rows.y[:30][order]]
    np.testing.assert_allclose(blends, share * x + (1 - share) * x[order], atol=1e-5)

    reference = rows.inputs["x"][80:]
    drawn = rows.y[80:][cdist(others, reference).argmin(axis=1)]
    np.testing.assert_array_equal(drawn, rows.y[:30])
    assert cdist(others, reference).min(axis=1).max() == 0
    wanted = -(labels * np.log(mixed)).sum(axis=1).mean() + 5 * by_hand(p, q, rows.y[:30])
    assert loss.item() == pytest.approx(wanted, abs=1e-5)


def test_labels_without_reference_rows_are_left_out():
    training = training_on_table()
    rows = training.task.rows
    only = np.flatnonzero(rows.y == 1)[:1]
    reference = ReferenceRows(training_on(rows, linear, PLAIN, reference=only), "mixup-mmd")
    indices, known = reference.draw_like(torch.tensor([0, 1, 2, 1]))
    np.testing.assert_array_equal(indices, only.repeat(2))
    assert known.tolist() == [False, True, False, True]
    indices, known = reference.draw_like(torch.tensor([0, 2]))
    assert len(indices) == 0
    assert not known.any()


def test_tokens_are_refused():
    rows = Rows({"input_ids": np.ones((10, 4), np.int64)}, np.zeros(10, np.int64))
    with pytest.raises(UsageError, match="input_ids"):
        MixupMMD().fit(training_on(rows, linear, PLAIN))
