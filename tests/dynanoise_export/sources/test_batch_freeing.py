"""`--dynamic-batch`: files of PyTorch's exporter with a fixed batch, which get a dynamic one, or are refused."""

import warnings

import numpy as np
import onnx
import onnx_ir as ir
import pytest
import torch
from torch import nn

from dynanoise_export.errors import UnsupportedModelError
from dynanoise_export.types import TensorSpec
from support.exports import assert_algorithm_1, defended, floats, module_logits, refusal
from support.graphs import parse


class Convolution(nn.Module):
    """Its flattening fixes the batch in a Reshape."""

    shape = (3, 6, 6)

    def __init__(self):
        super().__init__()
        self.layer, self.last = nn.Conv2d(3, 4, 3), nn.Linear(64, 5)

    def forward(self, x):
        return self.last(torch.relu(self.layer(x)).reshape(x.shape[0], -1))


class Transformer(nn.Module):
    """Its class token is repeated for each row, and its attention puts the batch on the second axis."""

    shape = (7, 8)

    def __init__(self):
        super().__init__()
        self.token, self.last = nn.Parameter(torch.randn(1, 1, 8)), nn.Linear(8, 5)
        self.layers = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 4, 16, batch_first=True), 1)

    def forward(self, x):
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], dim=1)
        return self.last(self.layers(x)[:, 0])


class Recurrent(nn.Module):
    """Its initial state of zeros has the size of the batch."""

    shape = (7, 3)

    def __init__(self):
        super().__init__()
        self.layer, self.last = nn.LSTM(3, 6, num_layers=2, bidirectional=True, batch_first=True), nn.Linear(12, 5)

    def forward(self, x):
        return self.last(self.layer(x)[0][:, -1])


class Positions(nn.Module):
    """Its embedding of positions is a constant with a row for each row of the batch."""

    shape = (7, 8)

    def __init__(self):
        super().__init__()
        self.table, self.last = nn.Embedding(7, 8), nn.Linear(8, 5)

    def forward(self, x):
        places = torch.arange(7).unsqueeze(0).expand(x.shape[0], -1)
        return self.last((x + self.table(places)).mean(dim=1))


class Resized(nn.Module):
    """Its resizing names the batch among the sizes."""

    shape = (3, 6, 6)

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 5, 3)

    def forward(self, x):
        return nn.functional.interpolate(self.layer(x), size=(3, 3), mode="bilinear").mean(dim=(2, 3))


class Mixing(nn.Module):
    """It subtracts the mean of the batch."""

    shape = (6,)

    def __init__(self):
        super().__init__()
        self.last = nn.Linear(6, 5)

    def forward(self, x):
        z = self.last(x)
        return z - z.mean(dim=0, keepdim=True) / 2


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.onnx"


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def converted(kind, path, batch):
    torch.manual_seed(0)
    module = kind().eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, (torch.randn(batch, *kind.shape),), path, dynamo=False, opset_version=17, input_names=["x"],
            output_names=["z"],
        )  # fmt: skip
    return module


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("kind", [Convolution, Transformer, Recurrent, Positions, Resized])
def test_each_row_gets_the_answer_that_it_had_in_the_fixed_batch(path, out, kind, batch):
    module = converted(kind, path, batch)
    made = defended(path, out, dynamic_batch=True)
    assert made.shapes() == {"x": ["batch", *kind.shape], "noise": ["batch", 5]}
    onnx.checker.check_model(made.exported.path, full_check=True)
    assert_algorithm_1(made, module_logits(module), floats(x=kind.shape))


@pytest.mark.parametrize("batch", [1, 4])
def test_rows_that_influence_each_other_are_refused(path, out, batch):
    converted(Mixing, path, batch)
    assert f"fixed at {batch}" in refusal(path, out, UnsupportedModelError, dynamic_batch=True)


def test_a_graph_that_needs_its_batch_is_refused(path, out):
    ir.save(
        parse("g (float[1,6] x) => (float[1,6] z) { h = Squeeze <axes = [0]> (x) z = Unsqueeze <axes = [0]> (h) }", 11),
        path,
    )
    refusal(path, out, UnsupportedModelError, dynamic_batch=True)


def test_without_the_option_the_batch_stays_fixed(path, out):
    module = converted(Convolution, path, 1)
    made = defended(path, out)
    assert made.shapes()["x"] == [1, 3, 6, 6]
    assert_algorithm_1(made, module_logits(module), floats(x=(3, 6, 6)), batches=(1,))


def test_a_dynamic_batch_stays_as_it_is(path, out):
    ir.save(parse("g (float[N,6] x) => (float[N,6] z) { z = Neg(x) }"), path)
    assert defended(path, out, dynamic_batch=True).shapes()["x"] == ["N", 6]


def test_other_dynamic_axes_stay_dynamic(path, out):
    text = """g (float[1,L,6] x) => (float[1,3] z) {
        s = Constant <value_ints = [1, -1, 3]> () h = Reshape(x, s) z = ReduceMean <axes = [1], keepdims = 0> (h)
    }"""
    ir.save(parse(text), path)
    made = defended(path, out, dynamic_batch=True, inputs=(TensorSpec("x", "float32", (1, 4, 6)),))
    assert made.shapes() == {"x": ["batch", "L", 6], "noise": ["batch", 3]}

    def logits_of(inputs):
        return inputs["x"].reshape(len(inputs["x"]), -1, 3).mean(axis=1)

    for length in (4, 5):
        assert_algorithm_1(made, logits_of, floats(x=(length, 6)))


def test_all_inputs_get_the_batch(path, out, tmp_path):
    text = """g (float[2,6] x, int64[2,3] ids) => (float[2,6] z) {
        f = Cast <to = 1> (ids) m = ReduceSum(f, a) z = Mul(x, m)
    }"""
    model = parse(text.replace("(float[2,6] x", "(int64[1] a, float[2,6] x"))
    axis = model.graph.inputs.pop(0)
    axis.const_value = ir.tensor(np.array([1], np.int64), name="a")
    model.graph.register_initializer(axis)
    ir.save(model, path)
    generator = np.random.default_rng(0)
    rows = {"x": generator.standard_normal((9, 6), np.float32), "ids": generator.integers(0, 9, (9, 3))}
    np.savez(tmp_path / "rows.npz", **rows)
    made = defended(path, out, dynamic_batch=True, example=tmp_path / "rows.npz")
    assert made.shapes() == {"x": ["batch", 6], "ids": ["batch", 3], "noise": ["batch", 6]}

    def drawn(generator, count):
        return {"x": generator.standard_normal((count, 6), np.float32), "ids": generator.integers(0, 9, (count, 3))}

    assert_algorithm_1(made, lambda inputs: inputs["x"] * inputs["ids"].sum(axis=1, keepdims=True), drawn)
