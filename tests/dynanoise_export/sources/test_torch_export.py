from pathlib import Path

import numpy as np
import torch
from torch import nn

from dynanoise_export.runtimes.graph_session import open_graph
from dynanoise_export.sources.torch_export import export_module
from dynanoise_export.types import TensorSpec


class PaddedMaximum(nn.Module):
    """The maximum over parts of an image with zeros around it, as in BiT."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        padded = nn.functional.pad(image, (1, 1, 1, 1))
        return nn.functional.max_pool2d(padded, 3, stride=2).flatten(1)


def test_zeros_around_an_image_count_in_a_maximum_in_onnx_runtime():
    spec = TensorSpec("image", "float32", ("batch", 2, 6, 6))
    images = -1 - np.random.default_rng(0).random((2, 2, 6, 6), dtype=np.float32)  # so that a zero is the largest
    model = export_module(Path("model"), PaddedMaximum(), [spec], {"image": images}, ["output"], "output", None)
    with open_graph(model) as predictor:
        answers = predictor.run({"image": images})["output"]
    expected = np.pad(images, [(0, 0), (0, 0), (1, 1), (1, 1)])
    expected = np.lib.stride_tricks.sliding_window_view(expected, (3, 3), axis=(2, 3))[:, :, ::2, ::2].max(axis=(4, 5))
    assert (expected == 0).any()
    np.testing.assert_allclose(answers, expected.reshape(2, -1), rtol=0, atol=1e-30)
