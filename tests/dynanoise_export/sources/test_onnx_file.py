import subprocess
import sys
import warnings

import numpy as np
import onnx_ir as ir
import pytest
import torch
from torch import nn

from dynanoise_export.sources.open_source import open_source
from dynanoise_export.sources.source_model import SourceOptions
from dynanoise_export.types import TensorSpec
from support.exports import assert_algorithm_1, defended, floats, module_logits, session_of
from support.graphs import parse
from support.modules import InTuple, Small, seeded


def converted(module, path, *example, opset=17, names=("output",)):
    inputs = ["x", "y"][: len(example)]
    axes = {name: {0: "rows"} for name in (*inputs, *names)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, example, path, dynamo=False, opset_version=opset, input_names=inputs, output_names=list(names),
            dynamic_axes=axes,
        )  # fmt: skip
    return module


def in_runtime(path, output=0):
    session = session_of(path)
    return lambda inputs: session.run(None, dict(inputs))[output]


@pytest.mark.parametrize("opset", range(9, 18))
def test_every_opset_from_9_on_is_defended(tmp_path, opset):
    module = converted(seeded(Small), tmp_path / "model.onnx", torch.randn(2, 3, 8, 8), opset=opset)
    made = defended(tmp_path / "model.onnx", tmp_path, seed=opset)
    assert made.shapes() == {"x": ["rows", 3, 8, 8], "noise": ["rows", 5]}
    assert_algorithm_1(made, module_logits(module), floats(x=(3, 8, 8)))


def test_a_caller_who_changes_the_model_changes_no_other(tmp_path):
    converted(seeded(Small), tmp_path / "model.onnx", torch.randn(2, 3, 8, 8))
    source = open_source(tmp_path / "model.onnx")
    source.to_onnx(None).graph.outputs.clear()
    assert [value.name for value in source.to_onnx(None).graph.outputs] == ["output"]


class Shifted(nn.Module):
    def forward(self, logits):
        powers = torch.exp(logits - logits.max(dim=1, keepdim=True).values)
        return powers / powers.sum(dim=1, keepdim=True)


@pytest.mark.parametrize("opset", [9, 12, 13, 17])
@pytest.mark.parametrize(
    "end", [nn.Softmax(1), nn.Softmax(-1), nn.LogSoftmax(1), nn.Sequential(nn.Softmax(1), nn.Identity()), Shifted()]
)
def test_the_logits_behind_a_softmax_are_defended(tmp_path, opset, end):
    module = seeded(Small)
    converted(nn.Sequential(module, end).eval(), tmp_path / "model.onnx", torch.randn(2, 3, 8, 8), opset=opset)
    made = defended(tmp_path / "model.onnx", tmp_path, seed=opset)
    assert "final softmax" in made.exported.logits
    assert_algorithm_1(made, module_logits(module), floats(x=(3, 8, 8)))


def test_probabilities_without_logits_are_defended_by_their_logarithm(tmp_path):
    model = parse("rows (float[N,6] x) => (float[N,6] y) { s = Softmax<axis=-1>(x) m = Max(s, s) y = Mul(m, one) }")
    one = ir.Value(name="one", const_value=ir.tensor(np.float32(1), name="one"))
    model.graph.register_initializer(one)
    ir.save(model, tmp_path / "model.onnx")
    made = defended(tmp_path / "model.onnx", tmp_path)
    assert "logarithm" in made.exported.logits
    assert_algorithm_1(made, lambda inputs: inputs["x"], floats(x=(6,)))


def test_external_data_is_read_in_its_place(tmp_path):
    (folder := tmp_path / "model").mkdir()
    module = converted(seeded(Small, width=16), tmp_path / "whole.onnx", torch.randn(2, 3, 8, 8))
    ir.save(
        ir.load(tmp_path / "whole.onnx"), folder / "model.onnx", external_data="weights.bin", size_threshold_bytes=0
    )
    assert (folder / "weights.bin").stat().st_size > 4 * 16 * 36 * 5
    made = defended(folder / "model.onnx", tmp_path)
    assert_algorithm_1(made, module_logits(module), floats(x=(3, 8, 8)))


@pytest.mark.parametrize(("wanted", "index"), [("hidden", 0), ("scores", 1)])
def test_the_user_chooses_one_of_several_outputs(tmp_path, wanted, index):
    example = torch.randn(2, 6), torch.randn(2, 6)
    module = converted(seeded(InTuple), tmp_path / "model.onnx", *example, names=("hidden", "scores"))
    made = defended(tmp_path / "model.onnx", tmp_path, logits=wanted)
    assert made.exported.dropped == tuple({"hidden", "scores"} - {wanted})
    assert_algorithm_1(made, module_logits(module, index), floats(x=(6,), y=(6,)))


def test_of_several_outputs_the_one_named_logits_is_chosen(tmp_path):
    example = torch.randn(2, 6), torch.randn(2, 6)
    module = converted(seeded(InTuple), tmp_path / "model.onnx", *example, names=("hidden", "logits"))
    assert_algorithm_1(defended(tmp_path / "model.onnx", tmp_path), module_logits(module, 1), floats(x=(6,), y=(6,)))


def test_logits_within_a_graph_that_answers_with_labels_can_be_named(tmp_path):
    ir.save(
        parse("g (float[N,6] x) => (int64[N] label) { z = Neg(x) label = ArgMax<axis=1, keepdims=0>(z) }"),
        tmp_path / "model.onnx",
    )
    made = defended(tmp_path / "model.onnx", tmp_path, logits="z")
    assert made.exported.dropped == ("label",)
    assert_algorithm_1(made, lambda inputs: -inputs["x"], floats(x=(6,)))


@pytest.mark.parametrize("shape", [["N", "K"], ["N", None], [None, None]], ids=str)
def test_classes_that_the_file_does_not_state_are_counted_in_a_run(tmp_path, shape):
    # The shape depends on the values of a tensor, which shape inference does not follow.
    model = parse("""g (float[N,6] x) => (float[N,K] y) {
        n = Shape(x) twice = Concat<axis=1>(x, x) s = ReduceSum<keepdims=0>(x) c = Cast<to=7>(s)
        zero = Sub(c, c) k = Constant<value_ints=[12]>() m1 = Constant<value_ints=[-1]>() size = Add(k, zero)
        both = Concat<axis=0>(m1, size) y = Reshape(twice, both)
    }""")
    model.graph.outputs[0].shape = ir.Shape(shape)
    ir.save(model, tmp_path / "model.onnx")
    assert open_source(tmp_path / "model.onnx").classes == 12
    made = defended(tmp_path / "model.onnx", tmp_path)
    assert_algorithm_1(made, lambda inputs: np.tile(inputs["x"], 2), floats(x=(6,)))


def test_classes_of_a_named_value_are_counted_in_a_run_too(tmp_path):
    model = parse("""g (float[N,6] x, int64[2] size) => (int64[N] label) {
        z = Reshape(x, size) label = ArgMax<axis=1, keepdims=0>(z)
    }""")
    ir.save(model, tmp_path / "model.onnx")
    np.savez(tmp_path / "rows.npz", x=np.zeros((2, 6), np.float32), size=np.int64([4, 3]))
    source = open_source(tmp_path / "model.onnx", SourceOptions(logits="z", example=tmp_path / "rows.npz"))
    assert source.classes == 3
    assert source.dropped == ("label",)


def test_example_values_are_drawn_for_inputs_of_every_type(tmp_path):
    ir.save(
        parse("""g (int32[N,3] a, bool[N,3] b, double[N,3] c, uint8[N,3] d) => (float[N,3] y) {
            p = Cast<to=1>(a) q = Cast<to=1>(b) r = Cast<to=1>(c) s = Cast<to=1>(d) y = Sum(p, q, r, s)
        }"""),
        tmp_path / "model.onnx",
    )
    assert [spec.dtype for spec in open_source(tmp_path / "model.onnx").inputs] == ["int32", "bool", "float64", "uint8"]

    def inputs_of(generator, rows):
        drawn = {name: generator.integers(0, 2, (rows, 3)) for name in "abcd"}
        return {n: v.astype(t) for (n, v), t in zip(drawn.items(), ("int32", "bool", "float64", "uint8"), strict=True)}

    made = defended(tmp_path / "model.onnx", tmp_path)
    assert_algorithm_1(made, lambda inputs: sum(v.astype(np.float32) for v in inputs.values()), inputs_of)


def test_a_batch_that_the_file_fixes_stays_fixed(tmp_path):
    ir.save(parse("g (float[4,6] x) => (float[4,6] y) { y = Neg(x) }"), tmp_path / "model.onnx")
    made = defended(tmp_path / "model.onnx", tmp_path)
    assert made.exported.source.inputs == (TensorSpec("x", "float32", (4, 6)),)
    assert made.shapes() == {"x": [4, 6], "noise": [4, 6]}
    assert_algorithm_1(made, lambda inputs: -inputs["x"], floats(x=(6,)), batches=(4,))


def test_an_onnx_file_is_opened_without_pytorch(tmp_path):
    ir.save(parse("g (float[N,6] x) => (float[N,6] y) { y = Neg(x) }"), tmp_path / "model.onnx")
    script = """
import sys
from pathlib import Path
from dynanoise_export.sources.open_source import open_source
open_source(Path(sys.argv[1]))
assert "torch" not in sys.modules and "transformers" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "model.onnx")], check=True)
