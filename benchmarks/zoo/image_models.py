"""Architectures of timm with random weights, in PyTorch's forms of a file."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.zoo.entry import Entry, Made, Scores
from dynanoise_export.sources.source_model import SourceOptions

ASKED, CLASSES = 64, 10

ARCHITECTURES: dict[str, tuple[int, dict[str, Any]]] = {
    "resnet10t": (64, {}),
    "mobilenetv3_small_050": (64, {}),
    "vit_tiny_patch16_224": (64, {"img_size": 64}),
    "convnext_atto": (64, {}),
    "mixer_s32_224": (224, {}),
    "efficientnet_lite0": (64, {}),
    "squeezenet": (64, {}),
}


def image_models() -> Iterator[Entry]:
    """Give the entries."""
    for name in ARCHITECTURES:
        large = ARCHITECTURES[name][0] > 64
        make = partial(old_onnx, name)
        yield Entry(f"{name}, ONNX of the old exporter", "timm, torch.onnx", Scores.LOGITS, make, large=large)
    for name in ("resnet10t", "vit_tiny_patch16_224", "mobilenetv3_small_050"):
        yield Entry(f"{name}, ONNX of the new exporter", "timm, torch.onnx", Scores.LOGITS, partial(new_onnx, name))
        yield Entry(f"{name}, fixed batch of 1", "timm, torch.onnx", Scores.LOGITS, partial(old_onnx, name, fixed=True))
    yield Entry("convnext_atto, TorchScript", "timm, torch.jit", Scores.LOGITS, partial(torchscript, "convnext_atto"))
    yield Entry("resnet10t, exported program", "timm, torch.export", Scores.LOGITS, partial(program, "resnet10t"))
    yield Entry("mobilenetv3_small_050, state dict", "timm", Scores.LOGITS, partial(weights, "mobilenetv3_small_050"))


def network(name: str) -> torch.nn.Module:
    """Make a network with random weights."""
    torch.manual_seed(0)
    if name == "squeezenet":
        return SqueezeNet().eval()
    import timm

    model = timm.create_model(name, num_classes=CLASSES, **ARCHITECTURES[name][1])
    for parameter in model.parameters():
        if parameter.ndim > 1:  # or all answers would be nearly the same
            torch.nn.init.normal_(parameter, std=1.5 / parameter[0].numel() ** 0.5)
    return model.eval()


class SqueezeNet(torch.nn.Module):
    """A network that ends in [n, k, 1, 1], as the first SqueezeNet files do."""

    def __init__(self) -> None:
        super().__init__()
        self.squeeze = torch.nn.Conv2d(3, 16, 3, stride=2)
        self.last = torch.nn.Conv2d(16, CLASSES, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Classify images [n, 3, height, width]; [n, k, 1, 1]."""
        return torch.nn.functional.adaptive_avg_pool2d(self.last(self.squeeze(x).relu()), 1)


def images(name: str) -> np.ndarray:
    """Make up images."""
    side = ARCHITECTURES[name][0]
    rows = ASKED if side <= 64 else ASKED // 16
    return np.random.default_rng(0).standard_normal((rows, 3, side, side), dtype=np.float32)


def answered(model: torch.nn.Module, path: Path, name: str, options: SourceOptions | None = None) -> Made:
    """Give a file with the network's own scores."""
    rows = images(name)
    with torch.no_grad():
        scores = torch.cat([model(torch.from_numpy(row[None])) for row in rows]).numpy()
    return Made(path, {"x": rows}, options or SourceOptions(), scores)


def old_onnx(name: str, folder: Path, *, fixed: bool = False) -> Made:
    """Write a file with the exporter that traces."""
    model, path = network(name), folder / "model.onnx"
    torch.onnx.export(
        model, (torch.from_numpy(images(name)[:1]),), path, dynamo=False, input_names=["x"], output_names=["y"],
        dynamic_axes=None if fixed else {"x": {0: "batch"}, "y": {0: "batch"}},
    )  # fmt: skip
    return answered(model, path, name)


def new_onnx(name: str, folder: Path) -> Made:
    """Write a file with the exporter that uses torch.export."""
    model, path = network(name), folder / "model.onnx"
    torch.onnx.export(
        model, (torch.from_numpy(images(name)[:2]),), path, dynamo=True, input_names=["x"], output_names=["y"],
        dynamic_shapes={"x": {0: torch.export.Dim("batch")}}, verbose=False,
    )  # fmt: skip
    return answered(model, path, name)


def torchscript(name: str, folder: Path) -> Made:
    """Write a traced module."""
    model, path = network(name), folder / "model.pt"
    torch.jit.trace(model, torch.from_numpy(images(name)[:1])).save(path)
    return answered(model, path, name)


def program(name: str, folder: Path) -> Made:
    """Write an exported program."""
    model, path = network(name), folder / "model.pt2"
    shapes = ({0: torch.export.Dim("batch")},)
    torch.export.save(torch.export.export(model, (torch.from_numpy(images(name)[:2]),), dynamic_shapes=shapes), path)
    return answered(model, path, name)


def weights(name: str, folder: Path) -> Made:
    """Write a state dict, for timm's own factory."""
    model, path, example = network(name), folder / "model.pth", folder / "example.npz"
    torch.save(model.state_dict(), path)
    np.savez(example, x=images(name)[:2])
    arch = f'timm:create_model?{{"model_name": "{name}", "num_classes": {CLASSES}}}'
    return answered(model, path, name, SourceOptions(arch=arch, example=example))
