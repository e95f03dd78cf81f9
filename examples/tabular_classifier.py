"""Defend a classifier of table rows with keyed noise and kept labels: a small network on made-up customers.

Run it anywhere: python tabular_classifier.py. It writes to the folder tabular_classifier and needs no network.
"""

from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import make_classification
from torch import nn

import dynanoise_export
from dynanoise_export import DynaNoise, KeptLabel, SourceOptions, TensorSpec

FOLDER = Path("tabular_classifier")
MAX_AUC = 0.7


def make_model() -> nn.Module:
    """Make the untrained network; `arch` below names this function."""
    return nn.Sequential(nn.Linear(20, 256), nn.ReLU(), nn.Linear(256, 5))


def train(x: torch.Tensor, y: torch.Tensor) -> nn.Module:
    """Train the network until it fits its training set."""
    torch.manual_seed(0)
    model = make_model()
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(200):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    return model.eval()


def main() -> None:
    """Train, export with a secret key, validate, and gate the release on the attacks."""
    FOLDER.mkdir(exist_ok=True)
    weights, bundle, defended = FOLDER / "weights.pt", FOLDER / "rows.npz", FOLDER / "defended.onnx"

    x, y = make_classification(2000, 20, n_informative=10, n_classes=5, class_sep=1.5, random_state=0)
    x = x.astype(np.float32)
    member = np.random.default_rng(0).random(len(x)) < 0.5  # the rows to train on
    torch.save(train(torch.tensor(x[member]), torch.tensor(y[member])).state_dict(), weights)
    np.savez(bundle, x=x, y=y, member=member)  # an audit needs rows of both kinds

    # A file of weights says neither the network nor its inputs.
    options = SourceOptions(arch="tabular_classifier:make_model", inputs=(TensorSpec("x", "float32", ("batch", 20)),))
    defence = KeptLabel(DynaNoise(sigma0=4, temperature=6))
    made = dynanoise_export.export(weights, defended, defence=defence, noise="keyed", source_options=options)
    print(f"keep this key secret: {made.key_file.path}")

    validation = dynanoise_export.validate(defended, weights, data=bundle, source_options=options)
    print("validated:", "passed" if validation.passed else "failed")

    report = dynanoise_export.attack(defended, bundle, reference=weights, source_options=options, max_auc=MAX_AUC)
    worst = report.worst
    print(f"strongest attack: {worst.attack.name} ({worst.attacker.name}), AUC {worst.auc.value:.3f}")
    print(f"accuracy: {report.utility.accuracy.value:.3f}, {report.plain_utility.accuracy.value:.3f} without a defence")
    print("release it" if validation.passed and not report.gates_exceeded else "do not release it")


if __name__ == "__main__":
    main()
