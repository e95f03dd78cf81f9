"""Defend an image classifier: a small network on scikit-learn's digits, as images of 1 × 8 × 8.

Run it anywhere: python image_classifier.py. It writes to the folder image_classifier and needs no network.
"""

from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

import dynanoise_export

FOLDER = Path("image_classifier")


def train(x: torch.Tensor, y: torch.Tensor) -> nn.Module:
    """Train a small convolutional network until it fits its training set."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(32 * 4 * 4, 10),
    )  # fmt: skip
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    return model.eval()


def main() -> None:
    """Train, export, validate, attack, and ask the defended file."""
    FOLDER.mkdir(exist_ok=True)
    model, bundle, defended = FOLDER / "digits.pt2", FOLDER / "rows.npz", FOLDER / "defended.onnx"

    digits = load_digits()
    x, y = digits.images[:, None].astype(np.float32) / 16, digits.target
    member = np.random.default_rng(0).random(len(x)) < 0.5  # the rows to train on
    classifier = train(torch.tensor(x[member]), torch.tensor(y[member]))
    program = torch.export.export(classifier, (torch.tensor(x[:2]),), dynamic_shapes=({0: torch.export.Dim("batch")},))
    torch.export.save(program, model)
    np.savez(bundle, x=x, y=y, member=member)  # an audit needs rows of both kinds

    dynanoise_export.export(model, defended, defence=dynanoise_export.DynaNoise(sigma0=0.55))

    validation = dynanoise_export.validate(defended, model, data=bundle)
    failed = [check.code for check in validation.checks if check.outcome is dynanoise_export.Outcome.FAILED]
    print("validated:", "passed" if validation.passed else f"failed: {', '.join(failed)}")

    # 16 queries for each row keep the example short; for a release, leave the budget at its default of 64.
    report = dynanoise_export.attack(defended, bundle, reference=model, budget=16)
    worst = report.worst
    print(f"strongest attack: {worst.attack.name} ({worst.attacker.name}), AUC {worst.auc.value:.3f}")

    with dynanoise_export.load(defended) as session:
        probabilities = session.predict(x[~member])
    print(f"accuracy on rows outside the training set: {np.mean(probabilities.argmax(1) == y[~member]):.3f}")


if __name__ == "__main__":
    main()
