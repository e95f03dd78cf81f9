"""The taint walk over keyed noise and kept labels."""

import pytest
from onnx_ir.passes import common

from dynanoise_export.defences.keep_label import KeptLabel
from dynanoise_export.graph.attach import attach
from dynanoise_export.graph.draws import DrawKind
from dynanoise_export.graph.leaks import find_leaks
from dynanoise_export.graph.logits import behind
from dynanoise_export.graph.values import value_named
from dynanoise_export.noise.keyed.keyed_noise import KeyedNoise
from dynanoise_export.noise.source import NoiseSource
from support.graphs import DEFENCE as DYNANOISE
from support.graphs import KEY, defend, parse

# The end of every graph here: a plain defence, the softmax of z + η.
DEFENCE = "eta = RandomNormalLike(z)\n zt = Add(z, eta)\n p = Softmax<axis=-1>(zt)"
KEEPING = KeptLabel(DYNANOISE)
WEIGHTS = "<float[3,4] w = {1,2,3,4,5,6,7,8,9,10,11,12}>"


def graph(body: str, outputs: str = "float[N,4] p", inputs: str = "float[N,3] x"):
    return parse(f"g ({inputs}) => ({outputs}) {WEIGHTS} {{ {body} }}")


def walk(body: str, outputs: str = "float[N,4] p", **parts):
    return find_leaks(graph(body, outputs, **parts))


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize("grids", [(0.5,), (0.05, 0.5, 1.0)])
def test_keyed_noise_is_one_draw_for_each_grid(grids, inline):
    model = graph("z = MatMul(x, w)\n p = Softmax<axis=-1>(z)")
    attach(model, behind(value_named(model, "p")), 4, DYNANOISE, KeyedNoise(KEY, grids), inline=inline)
    assert any(node.op_type == "KeyedNormals" for node in model.graph) is not inline
    report = find_leaks(model)
    assert report.passed
    assert report.labelled == ()
    assert [(draw.kind, draw.live, draw.seeded) for draw in report.draws] == [(DrawKind.KEYED, True, False)] * len(
        grids
    )
    if not inline:
        assert [draw.name for draw in report.draws] == [f"dynanoise/noise_{number}" for number in range(len(grids))]


def test_in_a_flattened_model_with_keyed_noise_only_values_after_the_sum_are_covered():
    model = graph("z = MatMul(x, w)\n p = Softmax<axis=-1>(z)")
    defend(model, "p", 4, NoiseSource.KEYED, inline=True)
    common.TopologicalSortPass()(model)
    answers = list(model.graph.outputs)
    live, covered = set(model.graph.inputs), []
    for node in list(model.graph):
        (value,) = node.outputs
        if not live & set(node.inputs):
            continue
        live.add(value)
        model.graph.outputs[:] = [*answers, value]
        leaks = find_leaks(model).leaking
        assert leaks in ((), (value.name,))
        covered += [] if leaks else [node.op_type]
    assert {node.op_type for node in model.graph} > {"Gather", "Mod", "ReduceSum"}
    # (log p + η) / T, which is a sum of two quotients, and its softmax.
    assert covered == ["Add", "Softmax"]


HASH = "c = Cast<to=7>(z)\n g = Gather(h, c)\n s = ReduceSum(g, one)\n m = Mod(s, n)\n eta = Gather(t, m)\n"
NOISED = "zt = Add(z, eta)\n p = Softmax<axis=-1>(zt)"


def hashed(body: str, more: str = "", outputs: str = "float[N,4] p"):
    """Walk a graph with tables that stand in for weights, and ids that a client sends."""
    tables = [f"float[9,4] t = {{{','.join('0' * 36)}}}", f"int64[9,4] h = {{{','.join('0' * 36)}}}"]
    tables += ["int64[1] one = {1}", "int64 n = {9}", "float[3,4] w = {1,2,3,4,5,6,7,8,9,10,11,12}"]
    inputs = "float[N,3] x, int64[N,4] ids"
    return find_leaks(
        parse(f"g ({inputs}) => ({outputs}) <{', '.join(tables)}> {{ z = MatMul(x, w)\n {body} }}", more=more)
    )


def test_a_row_that_a_hash_of_the_query_selects_is_noise():
    report = hashed(HASH + NOISED)
    assert report.passed
    assert [(draw.kind, draw.live) for draw in report.draws] == [(DrawKind.KEYED, True)]


def test_a_row_that_a_hash_of_constants_selects_is_dead_noise():
    (draw,) = hashed(HASH.replace("c = Cast<to=7>(z)", "c = Identity(h)") + NOISED).draws
    assert not draw.live


@pytest.mark.parametrize(
    "embedding",
    [
        "eta = Gather(t, ids)\n",
        "m = Mod(ids, n)\n eta = Gather(t, m)\n",
        "s = ReduceSum(ids, one)\n m = Mod(s, n)\n eta = Gather(t, m)\n",
        "g = Gather(t, ids)\n eta = ReduceSum(g, one)\n",
        "g = Gather(h, ids)\n m = Mod(g, n)\n eta = Gather(t, m)\n",
        "g = Gather(h, ids)\n s = ReduceSum(g, one)\n eta = Gather(t, s)\n",
        "g = Gather(h, ids)\n s = ReduceMax(g)\n m = Mod(s, n)\n eta = Gather(t, m)\n",
        # The table of the last lookup comes from the query.
        HASH.replace("Gather(t, m)", "Gather(z, m)"),
        HASH.replace("Gather(t, m)", "Gather(x, m)"),
        # What is summed is the table, or the remainder's divisor, and not the index.
        "g = Gather(h, h)\n s = ReduceSum(g, one)\n m = Mod(s, n)\n eta = Gather(m, ids)\n",
        "g = Gather(h, ids)\n s = ReduceSum(g, one)\n m = Mod(ids, s)\n eta = Gather(t, m)\n",
        *(HASH.replace(f"{operator}(", f"com.other.{operator}(") for operator in ("Mod", "ReduceSum")),
        HASH.replace("eta = Gather", "eta = com.other.Gather"),
        HASH.replace("g = Gather", "g = com.other.Gather"),
        HASH.replace("eta = Gather", "eta = GatherND"),
    ],
)
def test_an_embedding_is_no_noise(embedding):
    report = hashed(embedding + NOISED, more=', "com.other" : 1')
    assert report.draws == ()
    assert report.leaking == ("p",)
    assert not report.passed


@pytest.mark.parametrize("value", ["c", "g", "s", "m", "eta"])
def test_the_hash_and_the_values_that_it_is_computed_from_are_leaks(value):
    report = hashed(HASH + NOISED, outputs=f"float[N,4] p, float[N,4] {value}")
    assert report.leaking == (value,)


def test_keyed_noise_taken_off_again_is_a_leak():
    assert hashed(f"{HASH} {NOISED}\n q = Sub(zt, eta)", outputs="float[N,4] p, float[N,4] q").leaking == ("q",)


LABEL = "l = ArgMax<axis=1>(z)\n"


@pytest.mark.parametrize("operator", ["ArgMax<axis=1>", "ArgMax", "ArgMax<keepdims=0>"])
def test_a_label_alone_is_a_leak(operator):
    for extra in ("h = Identity(l)", "h = Cast<to=1>(l)", "h = Mul(l, w)", "h = OneHot(l, w, w)", "h = Where(b, l, w)"):
        body = f"z = MatMul(x, w)\n {DEFENCE}\n b = Cast<to=9>(w)\n l = {operator}(z)\n {extra}"
        assert walk(body, "float[N,4] p, float[N,4] h").leaking == ("h",)


@pytest.mark.parametrize(
    "extra",
    [
        "h = Mul(c, eta)",
        "h = Div(eta, c)",
        "h = Concat<axis=0>(c, eta)",
        "h = Where(b, c, eta)",
        "h = Greater(eta, c)",
        "r = Sub(zt, eta)\n h = Add(r, c)",
        "r = Sub(p, eta)\n h = Concat<axis=0>(r, c)",
        "h = Concat<axis=0>(z, c)",
    ],
)
def test_a_label_with_the_noise_alone_or_with_raw_values_is_a_leak(extra):
    body = f"z = MatMul(x, w)\n {DEFENCE}\n {LABEL} c = Cast<to=1>(l)\n b = Cast<to=9>(w)\n {extra}"
    assert walk(body, "float[N,4] p, float[N,4] h").leaking == ("h",)


@pytest.mark.parametrize(
    "end",
    [
        "t = GatherElements<axis=1>(p, l)\n q = ScatterElements<axis=1>(p, l, t)",
        "o = OneHot(l, w, w)\n q = Where(o, p, w)",
        "o = OneHot(l, w, w)\n q = Mul(o, p)",
        "c = Cast<to=1>(l)\n q = Concat<axis=1>(p, c)",
        "c = Cast<to=1>(l)\n q = Add(p, c)",
    ],
)
def test_answers_that_keep_the_label_pass_and_are_named(end):
    body = f"z = MatMul(x, w)\n {DEFENCE}\n {LABEL} {end}"
    report = walk(body, "float[N,4] q")
    assert report.passed
    assert report.defended == report.labelled == ("q",)
    both = walk(body, "float[N,4] q, float[N,4] p")
    assert both.defended == ("q", "p")
    assert both.labelled == ("q",)


def test_the_label_of_noisy_answers_is_no_undefended_label():
    body = f"z = MatMul(x, w)\n {DEFENCE}\n l = ArgMax<axis=1>(zt)\n q = ScatterElements<axis=1>(p, l, w)"
    report = walk(body, "float[N,4] q, int64[N] l")
    assert report.passed
    assert report.labelled == ()


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize("noise", list(NoiseSource))
def test_a_model_that_names_a_place_within_does_not_tell_the_label(noise, inline):
    # As text encoders take the features at the last token, which has the largest number.
    body = """e = ArgMax<axis=1,keepdims=0>(x)
        f = MatMul(x, w)
        g = Gather(w, e)
        z = Add(f, g)"""
    for defence, labelled in ((DYNANOISE, ()), (KEEPING, ("probabilities",))):
        model = graph(body, "float[N,4] z")
        report = defend(model, "z", 4, noise, defence, inline=inline).leaks
        assert report.passed
        assert report.defended == ("probabilities",)
        assert report.labelled == labelled


@pytest.mark.parametrize("noise", list(NoiseSource))
def test_a_model_that_takes_nothing_but_the_place_of_the_largest_input_can_be_defended(noise):
    # As a model does that takes its tokens one-hot.
    model = graph("e = ArgMax<axis=1,keepdims=0>(x)\n z = Gather(w, e)", "float[N,4] z")
    assert defend(model, "z", 4, noise).leaks.passed
