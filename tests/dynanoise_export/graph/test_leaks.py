"""The taint walk on graphs whose leaks are known by hand."""

import pytest

from dynanoise_export.graph.leaks import find_leaks
from dynanoise_export.noise.source import NoiseSource
from support.graphs import defend, parse

# The end of every graph here: a plain defence, the softmax of z + η.
DEFENCE = "eta = RandomNormalLike(z)\n zt = Add(z, eta)\n p = Softmax<axis=-1>(zt)"
WEIGHTS = "<float[3,4] w = {1,2,3,4,5,6,7,8,9,10,11,12}>"


def graph(body: str, outputs: str = "float[N,4] p", inputs: str = "float[N,3] x"):
    return parse(f"g ({inputs}) => ({outputs}) {WEIGHTS} {{ {body} }}")


def walk(body: str, outputs: str = "float[N,4] p", **parts):
    return find_leaks(graph(body, outputs, **parts))


def test_a_defended_model_passes():
    report = walk(f"z = MatMul(x, w)\n {DEFENCE}")
    assert report.passed
    assert report.defended == ("p",)
    assert [(draw.operator, draw.live, draw.seeded) for draw in report.draws] == [("RandomNormalLike", True, False)]


@pytest.mark.parametrize(
    ("extra", "output"),
    [
        ("", "z"),
        ("h = Relu(z)", "h"),
        ("h = Identity(x)", "h"),
        ("h = Softmax<axis=-1>(z)", "h"),
        ("h = ArgMax<axis=1>(z)", "h"),
        ("h = Sub(zt, z)", "h"),  # the noise alone, which with z̃ gives z
        ("h = Sub(zt, eta)", "h"),  # z again
        ("c = Concat<axis=0>(zt, eta)\n h = Slice(c, w, w)", "h"),  # the noise is in the output too
        ("h = Add(zt, z)", "h"),
        ("h = Concat<axis=0>(zt, z)", "h"),
        ("b = Cast<to=9>(w)\n h = Where(b, z, p)", "h"),
    ],
)
def test_a_second_output_that_depends_on_the_query_is_a_leak(extra, output):
    report = walk(f"z = MatMul(x, w)\n {DEFENCE}\n {extra}", f"float[N,4] p, float[N,4] {output}")
    assert report.leaking == (output,)
    assert not report.passed


def test_the_input_passed_through_is_a_leak():
    assert walk(f"z = MatMul(x, w)\n {DEFENCE}", "float[N,4] p, float[N,3] x").leaking == ("x",)


@pytest.mark.parametrize("extra", ["", "e = Mul(eta, z)\n", "e = Exp(eta)\n"])
def test_the_noise_itself_is_a_leak(extra):
    output = "e" if extra else "eta"
    report = walk(f"z = MatMul(x, w)\n {DEFENCE}\n {extra}", f"float[N,4] p, float[N,4] {output}")
    assert report.leaking == (output,)


@pytest.mark.parametrize("operator", ["Shape", "Size"])
def test_the_shape_of_the_input_is_not_a_leak(operator):
    report = walk(f"z = MatMul(x, w)\n {DEFENCE}\n s = {operator}(x)", "float[N,4] p, int64[K] s")
    assert report.leaking == ()
    assert report.passed


def test_an_operator_of_another_domain_is_not_the_standard_one_of_the_same_name():
    model = parse(
        f"g (float[N,3] x) => (float[N,4] p, float[N,4] s) {WEIGHTS} "
        f"{{ z = MatMul(x, w)\n {DEFENCE}\n s = com.other.Shape(z) }}",
        more=', "com.other" : 1',
    )
    assert find_leaks(model).leaking == ("s",)


def test_a_weight_and_a_constant_are_not_leaks():
    body = f"z = MatMul(x, w)\n {DEFENCE}\n c = Constant<value_float=1.0>()"
    assert walk(body, "float[N,4] p, float[3,4] w, float c").passed


def test_an_undefended_model_has_no_noised_output():
    report = walk("z = MatMul(x, w)\n p = Softmax<axis=-1>(z)")
    assert report.leaking == ("p",)
    assert report.defended == ()
    assert not report.passed


def test_noise_that_is_only_a_factor_covers_nothing():
    assert walk("z = MatMul(x, w)\n eta = RandomNormalLike(z)\n p = Mul(z, eta)").leaking == ("p",)


@pytest.mark.parametrize(
    ("draw", "live", "seeded"),
    [
        ("eta = RandomNormal<shape=[1,4]>()", False, False),
        ("eta = RandomNormalLike(w)", False, False),
        ("s = Shape(z)\n c = ConstantOfShape(s)\n eta = RandomNormalLike(c)", False, False),
        ("eta = RandomNormalLike<seed=1.0>(z)", True, True),
        ("eta = RandomNormalLike(z)", True, False),
        ("h = Relu(z)\n eta = RandomUniformLike(h)", True, False),
    ],
)
def test_a_draw_without_a_live_input_is_dead_and_one_with_a_seed_is_seeded(draw, live, seeded):
    (found,) = walk(f"z = MatMul(x, w)\n {draw}\n zt = Add(z, eta)\n p = Softmax<axis=-1>(zt)").draws
    assert (found.live, found.seeded) == (live, seeded)


def test_a_model_with_noise_of_its_own_can_be_defended():
    # A variational classifier: the features are drawn around their mean.
    body = """m = MatMul(x, w)
        own = RandomNormalLike(m)
        f = Add(m, own)
        z = Relu(f)"""
    report = walk(f"{body}\n {DEFENCE}", "float[N,4] p")
    assert report.passed
    assert len(report.draws) == 2


@pytest.mark.parametrize(
    "mask",
    ["u = RandomUniformLike(m)\n k = Greater(u, half)\n f = Cast<to=1>(k)", "u = RandomUniformLike(m)\n f = Floor(u)"],
)
def test_a_model_with_dropout_left_on_can_be_defended(mask):
    body = f"m = MatMul(x, w)\n half = Constant<value_float=0.5>()\n {mask}\n z = Mul(m, f)"
    assert walk(f"{body}\n {DEFENCE}").passed
    assert walk(body, "float[N,4] z").leaking == ("z",)


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize("noise", list(NoiseSource))
def test_an_attached_defence_passes(noise, inline):
    model = graph("z = MatMul(x, w)\n p = Softmax<axis=-1>(z)")
    attached = defend(model, "p", 4, noise, inline=inline)
    inputs = [attached.noise_input] if attached.noise_input else []
    report = find_leaks(model, inputs)
    assert report.passed
    assert report.leaking == ()
    assert len(report.draws) == (noise is not NoiseSource.INPUT)


def test_an_input_counts_as_noise_only_if_it_is_named_as_such():
    model = graph("z = MatMul(x, w)\n p = Softmax<axis=-1>(z)")
    defend(model, "p", 4, NoiseSource.INPUT)
    assert find_leaks(model, ["noise"]).passed
    assert find_leaks(model).leaking == ("probabilities",)


def test_weights_that_a_caller_can_replace_are_named():
    model = parse(
        f"g (float[N,3] x, float[3,4] w) => (float[N,4] p) {WEIGHTS} {{ z = MatMul(x, w)\n {DEFENCE} }}", ir_version=3
    )
    report = find_leaks(model)
    assert report.overridable == ("w",)
    assert report.leaking == ()
    assert not report.passed


def test_nodes_out_of_order_are_walked_in_the_order_in_which_they_run():
    model = graph(f"z = MatMul(x, w)\n {DEFENCE}", "float[N,4] p, float[N,4] z")
    first = model.graph[0]
    model.graph.remove(first)
    model.graph.append(first)
    assert find_leaks(model).leaking == ("z",)
