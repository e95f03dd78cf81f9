"""Trained modules as ONNX files, of which only the first is exported."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from dynanoise_export.sources.inputs import specs_of
from dynanoise_export.sources.source_model import SourceOptions
from dynanoise_export.sources.torch_export import export_module
from dynanoise_export.sources.torch_module import source_from_module
from dynanoise_models.shadows.kept_modules import write_module

ROWS = {"x": np.random.default_rng(0).standard_normal((4, 3, 6)).astype(np.float32)}


class Sequences(torch.nn.Module):
    """Apply linear layers to each place of a sequence, as a transformer does, and one to the mean."""

    def __init__(self):
        super().__init__()
        self.square, self.wide, self.last = torch.nn.Linear(6, 6), torch.nn.Linear(6, 8), torch.nn.Linear(8, 2)

    def forward(self, x):
        return self.last(self.wide(self.square(x).relu()).mean(axis=1))


class Cast(torch.nn.Module):
    """Keep weights in a type that NumPy lacks."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(6, 2).bfloat16())

    def forward(self, x):
        return x.mean(axis=1) @ self.weight.float()


@pytest.mark.parametrize(
    ("make", "dtype", "count"),
    [(Sequences, torch.float32, 1), (lambda: Sequences().half(), torch.float16, 1), (Cast, torch.float32, 2)],
    ids=["transposed", "half", "bfloat16"],
)
def test_one_export_serves_all_modules_if_numpy_has_their_type(tmp_path, make, dtype, count):
    exports = []

    def export(*given):
        exports.append(given)
        return export_module(*given)

    rows = {name: torch.from_numpy(array).to(dtype).numpy() for name, array in ROWS.items()}
    for seed in range(2):
        torch.manual_seed(seed)
        module = make()
        source = source_from_module(Path("m"), "a module", "", module, specs_of(rows), SourceOptions(), rows, export)
        path = tmp_path / f"{seed}.onnx"
        write_module(source, tmp_path / "architecture.onnx", path)
        answers = onnxruntime.InferenceSession(path).run(None, rows)[0]
        np.testing.assert_allclose(answers, module(torch.from_numpy(rows["x"])).numpy(), atol=5e-3)
    assert len(exports) == count
