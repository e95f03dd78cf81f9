"""What files say about shapes: invalid sizes, and sizes of the one batch that was traced."""

import onnx
import onnx_ir as ir
import pytest

from dynanoise_export.graph.declared_shapes import batch_of, correct_shapes, forget_invalid_axes
from dynanoise_export.graph.values import value_named
from support.graphs import parse


def axes(value):
    return None if value.shape is None else [a if isinstance(a, int) else a.value for a in value.shape]


@pytest.mark.parametrize("size", [-1, 0, -200])
def test_sizes_below_1_are_unknown_in_all_graphs(size):
    model = parse(
        "g (float[N,3] x, bool c) => (float[N,3] y) { z = Neg(x)"
        "y = If (c) <then_branch = t () => (float[N,3] a) { a = Neg(z) }, "
        "else_branch = e () => (float[N,3] b) { b = user.Half(z) }> }",
        more=', "user" : 1',
        functions='<domain: "user", opset_import: ["" : 17]> Half (v) => (w) { w = Neg(v) }',
    )
    function = next(iter(model.functions.values()))
    inside = [value for graph in model.graphs() for node in graph for value in node.outputs]
    inside += [value for node in function for value in node.outputs]
    values = [*model.graph.inputs[:1], *inside]
    assert len(values) == 6
    for value in values:
        value.shape = ir.Shape([size, 3])
    forget_invalid_axes(model)
    assert [axes(value) for value in values] == [[None, 3]] * 6


@pytest.mark.parametrize(
    ("name", "kept"), [("", None), ("?", None), ("-1", None), ("None", None), ("n", "n"), ("class", "class")]
)
def test_names_that_say_nothing_are_unknown(name, kept):
    model = parse("g (float[N,3] x) => (float[N,3] y) { y = Neg(x) }")
    model.graph.inputs[0].shape = ir.Shape([ir.SymbolicDim(name), 3])
    forget_invalid_axes(model)
    assert axes(model.graph.inputs[0]) == [kept, 3]


def test_weights_without_entries_keep_their_shape():
    model = parse("g (float[N,3] x) => (float[N,3] y) { e = Constant<value = float[0] {}>() y = Concat<axis=0>(x, x) }")
    empty = value_named(model, "e")
    empty.shape, empty.const_value = ir.Shape([0]), ir.tensor([], dtype=ir.DataType.FLOAT)
    forget_invalid_axes(model)
    assert axes(empty) == [0]


def stale(batch="N", body="z = Neg(x) w = Neg(z) y = Neg(w)", more=""):
    model = parse(f"g (float[{batch},3] x) => (float[1,3] y) {{ {body} }}", more=more)
    for name in "zw":
        value_named(model, name).type = ir.TensorType(ir.DataType.FLOAT)
        value_named(model, name).shape = ir.Shape([1, 3])
    return model


@pytest.mark.parametrize("batch", ["N", ""])
def test_sizes_of_one_batch_are_corrected_everywhere(batch):
    model = stale(batch or "N")
    if not batch:
        model.graph.inputs[0].shape = ir.Shape([None, 3])
    assert correct_shapes(model)
    assert [axes(value_named(model, name)) for name in "xzwy"] == [[batch or None, 3]] * 4
    onnx.checker.check_model(ir.to_proto(model), full_check=True)


def test_true_shapes_stay_and_missing_ones_are_inferred():
    model = parse("g (float[N,3] x) => (float[rows,3] y) { z = Neg(x) w = Neg(z) y = Neg(w) }")
    value_named(model, "z").shape = ir.Shape(["rows", 3])
    assert not correct_shapes(model)
    assert [axes(value_named(model, name)) for name in "xzwy"] == [["N", 3], ["rows", 3], ["N", 3], ["rows", 3]]


def test_what_no_operator_contradicts_is_only_corrected_if_it_is_known_to_be_wrong():
    body, more = "z = user.Layer(x) w = Neg(z) y = Neg(w)", ', "user" : 1'
    model = stale(body=body, more=more)
    assert not correct_shapes(model)
    assert axes(value_named(model, "y")) == [1, 3]
    assert correct_shapes(model, stale=True)
    assert [axes(value_named(model, name)) for name in "zwy"] == [None, None, None]
    assert value_named(model, "z").dtype is ir.DataType.FLOAT


def test_a_fixed_batch_is_not_wrong():
    model = stale(batch="1")
    assert not correct_shapes(model)
    assert axes(value_named(model, "w")) == [1, 3]
    assert batch_of(model) == 1


def test_a_value_that_onnx_can_not_follow_leaves_everything_as_it_is():
    zip_map = "ai.onnx.ml.ZipMap <classlabels_int64s: ints = [1, 2, 3]>"
    model = parse(f"g (float[N,3] x) => (float[1,3] y) {{ m = {zip_map} (x) y = Neg(x) }}", more=', "ai.onnx.ml" : 3')
    correct_shapes(model)
    assert axes(model.graph.outputs[0]) == [1, 3]


def test_the_dynamic_batch_of_several_inputs_counts():
    model = parse("g (float[4] s, float[N,4] x) => (float[N,4] y) { y = Mul(x, s) }")
    assert batch_of(model).value == "N"
