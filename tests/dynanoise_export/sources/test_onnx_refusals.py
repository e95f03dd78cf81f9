import numpy as np
import onnx
import onnx_ir as ir
import pytest

from dynanoise_export.errors import DefenceError, EndpointError, UnsupportedModelError, UsageError, UserError
from dynanoise_export.exporting import export
from dynanoise_export.noise.source import NoiseSource
from support.exports import refusal
from support.graphs import parse


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.onnx"


GRAPHS = {
    "one class": ("g (float[N,6] x, float[6,1] w) => (float[N,1] y) { y = MatMul(x, w) }", "y [N, 1]"),
    "token-level": ("g (float[N,5,6] x) => (float[N,5,6] y) { y = Neg(x) }", "y [N, 5, 6]"),
    "a mask": ("g (float[N,3,8,8] x) => (float[N,3,8,8] y) { y = Neg(x) }", "y [N, 3, 8, 8]"),
    "one number per row": ("g (float[N,6] x) => (float[N] y) { y = ReduceSum<keepdims=0>(x, a) }", "y [batch]"),
    "only labels": ("g (float[N,6] x) => (int64[N] y) { y = ArgMax<axis=1, keepdims=0>(x) }", "y [N]"),
    "an input of strings": ("g (string[N,6] x) => (float[N,6] y) { n = Shape(x) y = ConstantOfShape(n) }", "'x'"),
}


@pytest.mark.parametrize(("text", "named"), GRAPHS.values(), ids=GRAPHS)
def test_a_model_that_is_not_a_single_label_classifier_is_refused(path, out, text, named):
    model = parse(text)
    if "ReduceSum" in text:
        axes = ir.Value(name="a", const_value=ir.tensor(np.int64([1]), name="a"))
        model = parse(text.replace("(float[N,6] x)", "(float[N,6] x, int64[1] a)"))
        model.graph.register_initializer(axes)
        model.graph.inputs.pop()
        ir.convenience.replace_all_uses_with(model.graph.node(0).inputs[1], axes)
    ir.save(model, path)
    assert named in refusal(path, out, UnsupportedModelError)


def test_several_outputs_that_could_be_the_logits_are_named(path, out):
    ir.save(parse("g (float[N,6] x) => (float[N,6] a, float[N,6] b) { a = Neg(x) b = Abs(x) }"), path)
    sentence = refusal(path, out, UsageError)
    assert "a [N, 6], b [N, 6]" in sentence
    assert "--logits" in sentence


@pytest.mark.parametrize("end", ["Sigmoid", "HardSigmoid"])
def test_independent_labels_are_refused(path, out, end):
    ir.save(parse(f"g (float[N,6] x) => (float[N,6] y) {{ y = {end}(x) }}"), path)
    assert "multi-label" in refusal(path, out, UnsupportedModelError)


def test_a_single_class_that_the_file_does_not_state_is_refused(path, out):
    ir.save(
        parse("g (float[N,6] x) => (float[N,K] y) { m = ReduceMean<axes=[1]>(x) n = Shape(x) y = Identity(m) }"), path
    )
    assert "y [batch, 1]" in refusal(path, out, UnsupportedModelError)


@pytest.mark.parametrize("wanted", ["nothing", "", "Y"])
def test_an_unknown_name_is_refused_with_the_names_that_exist(path, out, wanted):
    ir.save(parse("g (float[N,6] x) => (float[N,6] y) { y = Neg(x) }"), path)
    sentence = refusal(path, out, UsageError, logits=wanted)
    assert repr(wanted) in sentence
    assert "y [N, 6]" in sentence


@pytest.mark.parametrize("wanted", ["labels", "tokens"])
def test_a_named_value_must_have_one_score_per_class(path, out, wanted):
    ir.save(
        parse("""g (float[N,6] x) => (float[N,6] y) {
            labels = ArgMax<axis=1, keepdims=0>(x) two = Constant<value_ints=[1]>() one = Unsqueeze(x, two)
            tokens = Concat<axis=1>(one, one)
            y = Neg(x)
        }"""),
        path,
    )
    refusal(path, out, UnsupportedModelError, logits=wanted)


def test_a_defended_file_is_not_defended_twice(path, tmp_path, out):
    ir.save(parse("g (float[N,6] x) => (float[N,6] y) { y = Neg(x) }"), path)
    for inline in (False, True):
        made = tmp_path / f"defended{inline}.onnx"
        export(path, made, inline=inline)
        refusal(made, out, DefenceError)


def test_a_model_that_the_runtime_can_not_run_is_refused_if_it_must_be_run(path, out):
    model = parse("g (float[N,6] x) => (float[N,K] y) { y = their.own.Head(x) }", more=', "their.own" : 1')
    ir.save(model, path)
    refusal(path, out, EndpointError)


@pytest.mark.parametrize("size", [0, 1, 20, 0.5, -1])
def test_a_file_that_is_cut_short_is_refused(path, out, size):
    model = parse(
        "g (float[N,6] x) => (float[N,6] y) { z = MatMul(x, w) y = Neg(z) }".replace("x)", "x, float[6,6] w)", 1)
    )
    weights = ir.Value(name="v", const_value=ir.tensor(np.ones((6, 6), np.float32), name="v"))
    model.graph.register_initializer(weights)
    ir.save(model, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * size) if 0 < size < 1 else size])
    refusal(path, out)


@pytest.mark.parametrize("location", ["../weights.bin", "/etc/hostname", "sub/../../weights.bin", "missing.bin"])
def test_weights_outside_the_folder_of_the_model_are_refused(tmp_path, out, location):
    (folder := tmp_path / "model").mkdir()
    (tmp_path / "weights.bin").write_bytes(np.ones((6, 6), np.float32).tobytes())
    tensor = onnx.TensorProto(name="w", data_type=onnx.TensorProto.FLOAT, dims=[6, 6])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    model = ir.to_proto(parse("g (float[N,6] x, float[6,6] w) => (float[N,6] y) { y = MatMul(x, w) }"))
    del model.graph.input[1]
    model.graph.initializer.append(tensor)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    refusal(folder / "model.onnx", out)


def test_an_opset_before_9_is_refused(path, out):
    ir.save(parse("g (float[N,6] x) => (float[N,6] y) { y = Neg(x) }", opset=8, ir_version=3), path)
    assert "opset 8" in refusal(path, out)


def test_an_input_with_the_name_of_the_noise_input_is_refused(path, out):
    ir.save(parse("g (float[N,6] noise) => (float[N,6] y) { y = Neg(noise) }"), path)
    with pytest.raises(UserError, match="'noise'"):
        export(path, out / "defended.onnx", noise=NoiseSource.INPUT)
    assert not list(out.iterdir())
