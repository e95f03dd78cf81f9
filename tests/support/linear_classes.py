"""Linear models of several classes with known borders, and a panel of them."""

import numpy as np
from scipy.special import log_softmax


class LinearClasses:
    """Logits x · weightsᵀ + bias of k classes, exact.

    Args:
        weights: [k, d].
        bias: [k].
        name: of the input.
    """

    def __init__(self, weights, bias=0.0, name="x"):
        self._weights, self._bias, self._name = weights, bias, name
        self.sent: list[dict[str, np.ndarray]] = []

    def answers(self, inputs):
        self.sent.append({name: array.copy() for name, array in inputs.items()})
        flat = inputs[self._name].reshape(len(inputs[self._name]), -1).astype(np.float64)
        return log_softmax(flat @ self._weights.T + self._bias, axis=1)

    def mean(self, inputs, count):
        raise NotImplementedError


class LinearPanel:
    """Shadow models that are linear.

    Args:
        models: of it.
        rows: n, of the audit.
        favourite: what the settings of the strongest plan say.
    """

    def __init__(self, models, rows, favourite="student"):
        self._models, self._favourite = models, favourite
        self.trained_on = np.zeros((len(models), rows), dtype=bool)

    def __len__(self):
        return len(self._models)

    def ask(self, model):
        return self._models[model]

    def logits(self, model, inputs):
        return self._models[model].answers(inputs)

    def strength(self, plan):
        return np.full(len(plan.readings), 0.9 if self._favourite in plan.settings else 0.5)
