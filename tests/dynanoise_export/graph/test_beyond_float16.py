"""What of a model float16 can't hold."""

import numpy as np
import onnx_ir as ir
import pytest

from dynanoise_export.errors import UnsupportedModelError
from dynanoise_export.graph.beyond_float16 import (
    measuring,
    nodes_with_coarse_inputs,
    nodes_with_large_values,
    nodes_with_large_weights,
)
from dynanoise_export.graph.precision import prepared
from support.graphs import normals, parse, run


def with_weight(operation: str, *weight: float) -> ir.Model:
    """Make a model of one operation, written with `x` and the weight `w`."""
    numbers = ", ".join(f"{number:.10f}" for number in weight)
    return prepared(
        parse(
            f"g (float[N,2] x) => (float[N,2] z) <float[{len(weight)}] w = {{{numbers}}}, float zero = {{0.0}}> "
            f"{{ z = {operation} }}"
        )
    )


@pytest.mark.parametrize(
    ("operation", "weight", "why"),
    [
        ("Mul(x, w)", (65504.0,), None),
        ("Mul(x, w)", (65505.0,), "6.6e+04"),
        ("Mul(x, w)", (1.0, -1e7), "1.0e+07"),
        ("Div(x, w)", (1e12,), "1.0e+12"),
        ("Add(x, w)", (3e7, 4e8), "4.0e+08"),
        # Minus infinity in a mask, and a bound that binds nothing.
        ("Add(x, w)", (-1e30,), None),
        ("Mul(x, w)", (-1e9, -1e9), None),
        ("Clip(x, zero, w)", (1e7,), None),
        ("Min(x, w)", (1e7,), None),
        # What is small counts as a factor, and not where it is added to something.
        ("Mul(x, w)", (1e-8,), "1.0e-08"),
        ("Mul(x, w)", (1e-6,), None),
        ("Mul(x, w)", (0.0,), None),
        ("Add(x, w)", (1e-8,), None),
    ],
)
def test_weights_are_judged_by_what_they_do(operation, weight, why):
    if operation.startswith("Clip"):
        weight, operation = weight[:1], "Clip(x, zero, v)"
        model = prepared(
            parse(
                f"g (float[N,2] x) => (float[N,2] z) <float v = {{{weight[0]}}}, float zero = {{0.0}}> {{ z = "
                f"{operation} }}"
            )
        )
    else:
        model = with_weight(operation, *weight)
    found = nodes_with_large_weights(model)
    assert [node.why.split()[-1] for node in found.values()] == ([] if why is None else [why])
    assert all(name == node.name and node.operator == operation.partition("(")[0] for name, node in found.items())


@pytest.mark.parametrize(("scale", "found"), [(1.0, 0), (1e-4, 0), (1e-5, 1), (1e6, 1)])
def test_a_matrix_is_judged_by_its_largest_weights(scale, found):
    numbers = ", ".join(f"{scale * number:.12f}" for number in (1.0, 1e-9, -0.5, 0.0))
    model = parse(f"g (float[N,2] x) => (float[N,2] z) <float[2,2] w = {{{numbers}}}> {{ z = MatMul(x, w) }}")
    assert len(nodes_with_large_weights(prepared(model))) == found


def test_infinite_weights_stay_infinite_in_float16():
    model = with_weight("Add(x, w)", 1.0)
    (weight,) = [value for value in model.graph.initializers.values() if value.name == "w"]
    weight.const_value = ir.tensor(np.array([-np.inf], np.float32), name="w")
    assert nodes_with_large_weights(model) == {}


def test_a_large_weight_within_a_branch_is_refused():
    model = parse(
        "g (float[N,4] x) => (float[N,4] z) <float k = {0.5}, float large = {1000000.0}> "
        "{ m = ReduceMean<keepdims = 0>(x)\n c = Greater(m, k)\n z = If(c) "
        "<then_branch = a () => (float[N,4] u) { u = Div(x, large) }, "
        "else_branch = b () => (float[N,4] v) { v = Mul(x, k) }> }"
    )
    with pytest.raises(UnsupportedModelError, match="Div"):
        nodes_with_large_weights(prepared(model))


def test_the_size_of_every_value_is_measured():
    model = prepared(
        parse(
            "g (float[N,3] x, int64[N,3] i) => (float[N,3] z) <float[3] w = {1000.0, 10.0, 0.0}> "
            "{ a = Mul(x, w)\n b = Div(x, w)\n f = Cast<to = 1>(i)\n c = Add(a, f)\n z = Add(b, c) }"
        )
    )
    measured, names = measuring(model)
    x, i = normals(8, 3), np.arange(24).reshape(8, 3) - 20
    sizes = dict(zip(names.values(), run(measured, x=x, i=i), strict=True))
    assert set(sizes) == {"x", "a", "b", "f", "c", "z"}
    w = np.array([1000, 10, 0], np.float32)
    np.testing.assert_allclose(sizes["x"], np.abs(x).max())
    np.testing.assert_allclose(sizes["a"], np.abs(x * w).max())
    np.testing.assert_allclose(sizes["b"], np.abs(x[:, :2] / w[:2]).max(), rtol=1e-6)  # x / 0 is infinite
    np.testing.assert_allclose(sizes["f"], 20)
    np.testing.assert_allclose(sizes["c"], np.abs(x * w + i).max(), rtol=1e-6)
    assert [value.name for value in model.graph.outputs] == ["z"]


def test_the_nodes_around_a_large_value_are_found():
    model = prepared(
        parse("g (float[N,3] x) => (float[N,3] z) { a = Neg(x)\n b = Mul(a, a)\n c = Sqrt(b)\n z = Neg(c) }")
    )
    sizes = {name: np.float32(size) for name, size in {"x": 300, "a": 300, "b": 9e4, "c": 300, "z": 300}.items()}
    found = nodes_with_large_values(model, sizes)
    assert {node.operator: node.why for node in found.values()} == {
        "Mul": "a value of 9.0e+04",
        "Sqrt": "a value of 9.0e+04",
    }


@pytest.mark.parametrize(
    ("rows", "coarse"),
    [
        (normals(50, 2), False),
        (normals(50, 2) * 1e-3, False),
        (1000 + normals(50, 2) * 100, False),
        (30000 + normals(50, 2), True),  # float16 counts in steps of 16 there
        (1e5 + normals(50, 2) * 1e5, True),
    ],
)
def test_inputs_are_compared_with_how_they_vary(rows, coarse):
    model = prepared(parse("g (float[N,2] x) => (float[N,2] z) { a = Neg(x)\n z = Neg(a) }"))
    found = nodes_with_coarse_inputs(model, {"x": rows.astype(np.float32)})
    assert len(found) == coarse
