"""Values of the query that become the size of another value, and a number again."""

import onnx
import pytest

from dynanoise_export.graph.attach import attach
from dynanoise_export.graph.leaks import find_leaks
from dynanoise_export.graph.logits import behind
from dynanoise_export.graph.value_sizes import AS_THE_FIRST, DECIDING, FIXED, IN_PLACE, SHAPES_ONLY
from dynanoise_export.noise.source import NoiseSource
from support.graphs import DEFENCE as PAPER
from support.graphs import noise_of, parse

START = "z = MatMul(x, w)"
DEFENCE = "eta = RandomNormalLike(z)\n zt = Add(z, eta)\n p = Softmax<axis=-1>(zt)"
WEIGHTS = """<float[3,4] w = {1,2,3,4,5,6,7,8,9,10,11,12}, int64[1] zero = {0}, int64[1] one = {1},
    int64 scalar_zero = {0}, int64 scalar_one = {1}, float[2] on_off = {0,1},
    float nothing = {0}, float[1] ones = {1}>"""
# A whole number of the query: how often its first class is the largest.
COUNTED = "l = ArgMax<axis=1>(z)\n number = ReduceSum<keepdims=0>(l)\n size = Unsqueeze(number, zero)"


def walk(body, outputs="float[N,4] p, int64[K] s"):
    nodes = f"{START}\n {DEFENCE}\n {COUNTED}\n {body}"
    graph = f"g (float[N,3] x) => ({outputs}) {WEIGHTS} {{ {nodes} }}"
    return find_leaks(parse(graph, more=', "com.other" : 1'))


@pytest.mark.parametrize("told", ["s = Shape(v)", "s = Size(v)", "t = Identity(v)\n s = Shape<start=-1>(t)"])
@pytest.mark.parametrize(
    "body",
    [
        "v = ConstantOfShape(size)",
        "v = NonZero(z)",
        "b = Cast<to=9>(z)\n f = Reshape(b, minus)\n v = Compress(z, f)",
        "f = Flatten<axis=0>(z)\n v = Unique(f)",
        "v = Range(scalar_zero, number, scalar_one)",
        "v = Expand(ones, size)",
        "v = Tile(ones, size)",
        "v = Slice(w, zero, size, zero)",
        "pads = Concat<axis=0>(zero, size)\n v = Pad(ones, pads)",
        "v = OneHot(zero, size, on_off)",
        "f = Flatten<axis=0>(w)\n v, i = TopK(f, size)",
        "r = RandomNormalLike(z)\n v = NonZero(r)",
        "c = com.other.Unique(z)\n v = Identity(c)",
    ],
)
def test_a_size_that_the_query_decides_is_told(body, told):
    assert walk(f"minus = Neg(one)\n {body}\n {told}").leaking == ("s",)


@pytest.mark.parametrize(
    "body",
    [
        "n = NonZero(z)\n s = Shape(n)",  # of the query itself
        "n = NonZero(z)\n r = RandomNormalLike(n)\n s = Shape(r)",
        "n = NonZero(z)\n r = RandomNormalLike(n)\n o = Mul(r, nothing)\n e = Exp(o)\n s = ReduceSum(e)",
        "n = NonZero(z)\n r = RandomNormalLike(n)\n o = Mul(r, nothing)\n s = Softmax(o)",
        "n = NonZero(z)\n r = RandomNormalLike(n)\n e = Exp(r)\n s = CumSum(e, scalar_zero)",
        "n = Range(scalar_zero, number, scalar_one)\n s = ReduceMax(n)",
        "q = SequenceConstruct(z, z)\n s = SequenceLength(q)",
        "q = SplitToSequence(w, size)\n s = SequenceLength(q)",
    ],
)
def test_what_counts_such_a_size_is_raw(body):
    assert walk(body).leaking == ("s",)


def test_the_count_does_not_pass_as_part_of_the_answers():
    counted = "n = NonZero(z)\n r = RandomNormalLike(n)\n o = Mul(r, nothing)\n e = Exp(o)\n c = ReduceSum(e)"
    body = f"{counted}\n d = Mul(c, small)"
    model = (
        f"{START}\n eta = RandomNormalLike(z)\n zt = Add(z, eta)\n q = Softmax<axis=-1>(zt)\n {body}\n p = Add(q, d)"
    )
    weights = WEIGHTS.replace("float nothing", "float small = {0.000002}, float nothing")
    assert find_leaks(parse(f"g (float[N,3] x) => (float[N,4] p) {weights} {{ {model} }}")).leaking == ("p",)


def test_answers_spread_over_a_size_of_the_query_leak():
    body = "n = NonZero(z)\n r = RandomNormalLike(n)\n o = Mul(r, nothing)\n t = Transpose(o)\n s = Add(zt, t)"
    assert "s" in walk(body, "float[N,4] p, float[K,4] s").leaking


@pytest.mark.parametrize("condition", ["b = Cast<to=9>(number)", "b = Less(number, scalar_one)"])
def test_a_size_that_a_branch_decides_is_told(condition):
    then, other = (f"g () => (float[K] a) {{ a = Identity({value}) }}" for value in ("ones", "on_off"))
    branch = f"v = If (b) <then_branch = {then}, else_branch = {other}>"
    assert walk(f"{condition}\n {branch}\n s = Shape(v)").leaking == ("s",)


def test_a_size_that_the_turns_of_a_loop_decide_is_told():
    turn = "b (int64 i, bool c) => (bool d, float[1] o) { d = Identity(c)\n o = Identity(ones) }"
    loop = f"v = Loop (number, yes) <body = {turn}>"
    assert walk(f"t = Cast<to=9>(scalar_one)\n yes = Identity(t)\n {loop}\n s = Shape(v)").leaking == ("s",)


@pytest.mark.parametrize(
    "body",
    [
        "s = Shape(p)",
        "s = Shape(z)",
        "r = Relu(z)\n t = Transpose(r)\n s = Shape(t)",
        "k = Shape(x)\n c = ConstantOfShape(k)\n s = Shape(c)",
        "k = Shape(x)\n c = ConstantOfShape(k)\n n = NonZero(c)\n s = Shape(n)",
        "k = Shape<start=0, end=1>(x)\n e = Expand(ones, k)\n s = Shape(e)",
        "n = NonZero(w)\n s = Shape(n)",
        "v, i = TopK(z, one)\n s = Shape(i)",
    ],
)
def test_a_size_of_the_inputs_is_clean(body):
    assert walk(body).passed


@pytest.mark.parametrize(("noise", "inline"), [("random", False), ("input", True), ("keyed", False), ("keyed", True)])
def test_a_model_with_sizes_of_the_query_within_can_be_defended(noise, inline):
    # Rows that are not 0 alone go through a layer, as in a mixture of experts; what is unknown may have any size.
    body = """n = NonZero(x)
        t = Transpose(n)
        g = GatherND(x, t)
        m = com.other.Pool(g)
        y = ScatterND(x, t, g)
        a = MatMul(y, w)
        z = com.other.Head(a, m)"""
    model = parse(f"g (float[N,3] x) => (float[N,4] z) {WEIGHTS} {{ {body} }}", more=', "com.other" : 1')
    logits = behind(model.graph.outputs[0])
    attached = attach(model, logits, 4, PAPER, noise_of(NoiseSource(noise)), inline=inline)
    assert attached.leaks.passed


def test_the_lists_name_operators_that_exist():
    existing = {schema.name for schema in onnx.defs.get_all_schemas_with_history()}
    assert FIXED | set(DECIDING) | SHAPES_ONLY | AS_THE_FIRST <= existing
    assert IN_PLACE <= FIXED
    assert not SHAPES_ONLY & IN_PLACE
