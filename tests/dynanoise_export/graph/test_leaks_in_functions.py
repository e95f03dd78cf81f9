"""The taint walk through model-local functions."""

import pytest

from dynanoise_export.graph.leaks import find_leaks
from support.graphs import parse

DOMAIN = ', "user" : 1'
WEIGHTS = "<float[3,4] w = {1,2,3,4,5,6,7,8,9,10,11,12}>"
DEFENCE = "eta = RandomNormalLike(z)\n zt = Add(z, eta)\n p = Softmax<axis=-1>(zt)"


def function(signature: str, body: str) -> str:
    return f'<domain: "user", opset_import: ["" : 17, "user" : 1]> {signature} {{ {body} }}'


COVER = function("Cover (v) => (q)", "e = RandomNormalLike(v)\n n = Add(v, e)\n q = Softmax<axis=-1>(n)")


def walk(body: str, outputs: str, *functions: str):
    graph = f"g (float[N,3] x) => ({outputs}) {WEIGHTS} {{ z = MatMul(x, w)\n {body} }}"
    return find_leaks(parse(graph, more=DOMAIN, functions="\n".join(functions)))


def test_a_defence_within_a_function_covers():
    report = walk("p = user.Cover(z)", "float[N,4] p", COVER)
    assert report.passed
    assert [(draw.live, draw.seeded) for draw in report.draws] == [(True, False)]


def test_a_function_without_noise_covers_nothing():
    soft = function("Soft (v) => (q)", "q = Softmax<axis=-1>(v)")
    assert walk(f"{DEFENCE}\n s = user.Soft(z)", "float[N,4] p, float[N,4] s", soft).leaking == ("s",)


def test_of_a_function_with_two_outputs_only_the_leaking_one_is_named():
    both = function("Both (v) => (q, h)", "e = RandomNormalLike(v)\n q = Add(v, e)\n h = Relu(v)")
    report = walk("p, s = user.Both(z)", "float[N,4] p, float[N,4] s", both)
    assert report.leaking == ("s",)
    assert report.defended == ("p",)


def test_the_outputs_of_a_function_may_be_left_out():
    both = function("Both (v) => (q, h)", "e = RandomNormalLike(v)\n q = Add(v, e)\n h = Relu(v)")
    assert walk("p = user.Both(z)", "float[N,4] p", both).passed


@pytest.mark.parametrize(("inner", "leaks"), [("user.Cover", ()), ("user.Bare", ("s",))])
def test_a_function_within_a_function_is_followed(inner, leaks):
    bare = function("Bare (v) => (q)", "q = Relu(v)")
    outer = function("Outer (v) => (q)", f"h = Relu(v)\n q = {inner}(h)")
    report = walk(f"{DEFENCE}\n s = user.Outer(z)", "float[N,4] p, float[N,4] s", COVER, bare, outer)
    assert report.leaking == leaks


def test_a_function_is_walked_at_each_call():
    add = function("Plus (v, u) => (q)", "q = Add(v, u)")
    report = walk(f"{DEFENCE}\n s = user.Plus(z, eta)\n t = user.Plus(z, w)", "float[N,4] s, float[N,4] t", add)
    assert report.defended == ("s",)
    assert report.leaking == ("t",)


def test_each_call_of_a_function_draws_anew():
    draw = function("Draw (v) => (q)", "q = RandomNormalLike(v)")
    body = "a = user.Draw(z)\n m = Add(z, a)\n b = user.Draw(m)\n p = Add(m, b)\n"
    report = walk(body, "float[N,4] p", draw)
    assert report.passed
    assert len(report.draws) == 2
    assert walk(f"{body} s = Sub(m, a)", "float[N,4] p, float[N,4] s", draw).leaking == ("s",)


def test_a_dead_draw_at_one_call_of_two_is_seen():
    draw = function("Draw (v) => (q)", "q = RandomNormalLike(v)")
    report = walk("a = user.Draw(z)\n b = user.Draw(w)\n e = Add(a, b)\n p = Add(z, e)", "float[N,4] p", draw)
    assert sorted(draw.live for draw in report.draws) == [False, True]


def test_a_leak_in_a_branch_within_a_function_is_found():
    branches = function(
        "Branch (v, u, c) => (q)",
        "q = If (c) <then_branch = a () => (ta) { ta = Identity(u) }, else_branch = b () => (tb) { tb = Neg(v) }>",
    )
    body = f"{DEFENCE}\n yes = Constant<value = bool {{1}}>()\n s = user.Branch(z, zt, yes)"
    assert walk(body, "float[N,4] p, float[N,4] s", branches).leaking == ("s",)


def test_a_function_with_the_name_of_an_operator_is_walked_through_its_body():
    shape = function("Shape (v) => (q)", "q = Relu(v)")
    assert walk(f"{DEFENCE}\n s = user.Shape(z)", "float[N,4] p, float[N,4] s", shape).leaking == ("s",)
