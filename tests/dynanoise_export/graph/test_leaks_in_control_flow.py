"""The taint walk through If, Loop and Scan."""

import pytest

from dynanoise_export.graph.leaks import find_leaks
from support.graphs import parse

WEIGHTS = "<float[3,4] w = {1,2,3,4,5,6,7,8,9,10,11,12}, int64 two = {2}, bool yes = {1}>"
START = "z = MatMul(x, w)"
DEFENCE = "eta = RandomNormalLike(z)\n zt = Add(z, eta)\n p = Softmax<axis=-1>(zt)"


def walk(body: str, outputs: str = "float[N,4] p", inputs: str = "float[N,3] x"):
    return find_leaks(parse(f"g ({inputs}) => ({outputs}) {WEIGHTS} {{ {START}\n {body} }}"))


def branches(then: str, other: str, condition: str = "yes", output: str = "p") -> str:
    return (
        f"{output} = If ({condition}) <then_branch = a () => (float[N,4] ta) {{ {then} }}, "
        f"else_branch = b () => (float[N,4] tb) {{ {other} }}>"
    )


@pytest.mark.parametrize(
    ("then", "other", "leaks"),
    [
        ("ta = Neg(z)", "tb = Identity(zt)", ("s",)),
        ("ta = Identity(zt)", "tb = Neg(z)", ("s",)),
        ("ta = Identity(zt)", "tb = Neg(zt)", ()),
        ("ta = Identity(p)", "tb = Constant<value_floats=[0.25,0.25,0.25,0.25]>()", ()),
        ("ta = Identity(zt)", "tb = Identity(eta)", ("s",)),
    ],
)
def test_an_if_leaks_if_one_of_its_branches_leaks(then, other, leaks):
    report = walk(f"{DEFENCE}\n {branches(then, other, output='s')}", "float[N,4] p, float[N,4] s")
    assert report.leaking == leaks


def test_which_branch_ran_reveals_the_condition():
    body = f"{DEFENCE}\n m = ReduceMax<keepdims=0>(z)\n c = Cast<to=9>(m)\n "
    constants = branches("ta = Constant<value_floats=[1.0]>()", "tb = Constant<value_floats=[2.0]>()", "c", "s")
    assert walk(body + constants, "float[N,4] p, float[K] s").leaking == ("s",)


def test_a_defence_within_an_if_covers():
    defence = "e{0} = RandomNormalLike(z)\n n{0} = Add(z, e{0})\n t{0} = Softmax<axis=-1>(n{0})"
    report = walk(branches(defence.format("a"), defence.format("b")))
    assert report.passed
    assert len(report.draws) == 2


def test_a_hidden_value_within_nested_branches_is_found():
    inner = "ta = If (yes) <then_branch = c () => (float[N,4] tc) { tc = Neg(z) }, "
    inner += "else_branch = d () => (float[N,4] td) { td = Identity(zt) }>"
    body = branches(inner, "tb = Identity(zt)", output="s")
    assert walk(f"{DEFENCE}\n {body}", "float[N,4] p, float[N,4] s").leaking == ("s",)


def loop(body: str, carried: str = "h", results: str = "o", trips: str = "two", condition: str = "yes") -> str:
    return f"{results} = Loop ({trips}, {condition}, {carried}) <body = b {body}>"


def test_a_loop_before_the_defence_is_covered_by_it():
    body = "(int64 i, bool c, float[N,4] v) => (bool d, float[N,4] r) { d = Identity(c)\n r = Relu(v) }"
    report = walk(f"h = Identity(z)\n {loop(body)}\n e = RandomNormalLike(o)\n n = Add(o, e)\n p = Softmax<axis=-1>(n)")
    assert report.passed


def test_a_defence_within_a_loop_covers_what_the_loop_collects():
    body = """(int64 i, bool c, float[N,4] v) => (bool d, float[N,4] r, float[N,4] q)
        { d = Identity(c)\n r = Relu(v)\n e = RandomNormalLike(r)\n n = Add(r, e)\n q = Softmax<axis=-1>(n) }"""
    report = walk(f"h = Identity(z)\n {loop(body, results='last, all')}", "float[M,N,4] all")
    assert report.passed
    report = walk(f"h = Identity(z)\n {loop(body, results='last, all')}", "float[M,N,4] all, float[N,4] last")
    assert report.leaking == ("last",)


def test_the_answers_of_a_defence_can_be_carried_from_turn_to_turn():
    # Rows are defended one at a time: the number of the turn reveals nothing about the query.
    body = """(int64 i, bool c, float[K,4] v) => (bool d, float[L,4] r)
        { d = Identity(c)\n row = Gather<axis=0>(z, i)\n e = RandomNormalLike(row)\n n = Add(row, e)
          q = Softmax<axis=-1>(n)\n r = Concat<axis=0>(v, q) }"""
    start = "s = Shape<start=0, end=1>(x)\n t = Squeeze(s)\n h = Constant<value_floats=[0.25,0.25,0.25,0.25]>()"
    assert walk(f"{start}\n {loop(body, trips='t')}", "float[N,4] o").passed


def test_what_one_turn_computes_leaks_in_the_next():
    # Two turns pass z along: scratch in the first, and from there to what is collected in the second.
    body = """(int64 i, bool c, float[N,4] v) => (bool d, float[N,4] r, float[N,4] q)
        { d = Identity(c)\n r = Identity(z)\n q = Identity(v) }"""
    start = "s = Shape(z)\n h = ConstantOfShape(s)"
    report = walk(f"{start}\n {DEFENCE}\n {loop(body, results='last, all')}", "float[N,4] p, float[M,N,4] all")
    assert report.leaking == ("all",)


def test_a_loop_without_a_turn_returns_what_it_carries_in():
    body = "(int64 i, bool c, float[N,4] v) => (bool d, float[N,4] r) { d = Identity(c)\n r = Identity(zt) }"
    report = walk(f"{DEFENCE}\n h = Identity(z)\n {loop(body)}", "float[N,4] p, float[N,4] o")
    assert report.leaking == ("o",)


@pytest.mark.parametrize("condition", ["d = Cast<to=9>(m)", "d = Identity(c)"])
def test_how_many_turns_a_loop_took_reveals_its_condition(condition):
    body = f"(int64 i, bool c, int64 v) => (bool d, int64 r) {{ {condition}\n r = Add(v, two) }}"
    trips = f"{DEFENCE}\n m = ReduceMax<keepdims=0>(z)\n h = Identity(two)\n {loop(body)}"
    assert walk(trips, "float[N,4] p, int64 o").leaking == (("o",) if "Cast" in condition else ())


def test_how_many_turns_a_loop_took_reveals_its_trip_count():
    body = "(int64 i, bool c, int64 v) => (bool d, int64 r) { d = Identity(c)\n r = Add(v, two) }"
    trips = (
        f"{DEFENCE}\n m = ReduceMax<keepdims=0>(z)\n t = Cast<to=7>(m)\n h = Identity(two)\n {loop(body, trips='t')}"
    )
    assert walk(trips, "float[N,4] p, int64 o").leaking == ("o",)


@pytest.mark.parametrize(("covered", "leaks"), [("q = Add(s, e)", ()), ("q = Identity(s)", ("all",))])
def test_a_scan_over_the_rows_is_walked_through_its_body(covered, leaks):
    body = f"""all = Scan <num_scan_inputs = 1, body = b (float[4] s) => (float[4] q)
        {{ e = RandomNormalLike(s)\n {covered} }}> (z)"""
    assert walk(f"{body}\n {DEFENCE}", "float[N,4] p, float[N,4] all").leaking == leaks


def test_a_scan_carries_its_state_out():
    body = """init = Constant<value_floats=[0.0,0.0,0.0,0.0]>()
        sum, all = Scan <num_scan_inputs = 1, body = b (float[4] v, float[4] s) => (float[4] r, float[4] q)
        { r = Add(v, s)\n e = RandomNormalLike(s)\n q = Add(s, e) }> (init, z)"""
    report = walk(f"{body}\n {DEFENCE}", "float[N,4] p, float[4] sum, float[N,4] all")
    assert report.leaking == ("sum",)


def test_an_unknown_operator_with_a_body_covers_nothing():
    body = f"{DEFENCE}\n s = com.other.Search <decoder = b (float[4] v) => (float[4] r) {{ r = Identity(v) }}> (w)"
    model = parse(f"g (float[N,3] x) => (float[N,4] p, float[4] s) {WEIGHTS} {{ {START}\n {body} }}")
    assert find_leaks(model).leaking == ("s",)
