"""Names that the defended file needs, and that the user's graph has already."""

import collections

import numpy as np
import pytest

from dynanoise_export.errors import UnsupportedModelError
from dynanoise_export.graph.values import values
from dynanoise_export.noise.source import NoiseSource
from support.algorithm import algorithm_1
from support.graphs import LAMBDA, SIGMA0, TEMPERATURE, defend, normals, parse, run

W = np.arange(1, 13).reshape(3, 4)

# {} stands for the name that clashes.
INSIDE = {
    "a value": "z = MatMul(x, w)\n {} = Relu(z)\n h = Neg({})\n y = Add(z, h)",
    "the logits": "{} = MatMul(x, w)\n y = Softmax<axis=-1>({})",
    "a value of a branch": """z = MatMul(x, w)
        y = If (c) <then_branch = a () => (float[N,4] t) {{ {} = Neg(z)
                    t = Neg({}) }}, else_branch = b () => (float[N,4] f) {{ f = Neg(z) }}>""",
    "an input of a loop's body": """z = MatMul(x, w)
        y = Loop (one, c, z) <body = b (int64 i, bool k, float[N,4] {}) => (bool m, float[N,4] r)
            {{ m = Identity(k)
               r = Identity({}) }}>""",
}


def classifier(body: str, weights: str = "", output: str = "y"):
    w = "float[3,4] w = {1,2,3,4,5,6,7,8,9,10,11,12}, int64 one = {1}"
    return parse(f"g (float[N,3] x, bool c) => (float[N,4] {output}) <{w}{weights}> {{ {body} }}")


def assert_names_unique(model):
    counts = collections.Counter(value.name for value in values(model))
    assert [name for name, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize("name", ["probabilities", "noise", "dynanoise_noise", "val_0", "log_p", "tmp"])
@pytest.mark.parametrize("place", INSIDE)
def test_a_name_may_be_used_inside_the_graph(place, name, inline):
    body = INSIDE[place].replace("{{", "{").replace("}}", "}").replace("{}", name)
    x, yes, noise = normals(5, 3), np.array(True), normals(5, 4, seed=2)
    plain = run(classifier(body), x=x, c=yes)[0] if place != "the logits" else x @ W
    model = classifier(body)
    defend(model, "y", 4, inline=inline)
    assert_names_unique(model)
    (answer,) = run(model, x=x, c=yes, noise=noise)
    np.testing.assert_allclose(answer, algorithm_1(plain, noise, SIGMA0, LAMBDA, TEMPERATURE), atol=1e-5)


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize("noise", list(NoiseSource))
@pytest.mark.parametrize("name", ["probabilities", "noise", "probabilities_undefended", "dynanoise_table_normals"])
def test_the_output_and_a_weight_may_have_such_a_name(name, noise, inline):
    model = classifier(
        f"z = MatMul(x, w)\n h = Add(z, {name})\n probabilities_undefended_0 = Softmax<axis=-1>(h)",
        f", float[4] {name} = {{4,3,2,1}}",
        "probabilities_undefended_0",
    )
    defend(model, "probabilities_undefended_0", 4, noise, inline=inline)
    assert_names_unique(model)
    model = classifier(f"h = MatMul(x, w)\n {name} = Softmax<axis=-1>(h)", output=name)
    attached = defend(model, name, 4, noise, inline=inline)
    assert attached.dropped == (name,)
    assert [value.name for value in model.graph.outputs] == ["probabilities"]


@pytest.mark.parametrize("name", ["probabilities", "noise", "dynanoise_table_normals"])
def test_an_input_with_such_a_name_is_refused(name):
    model = parse(f"g (float[N,3] {name}) => (float[N,3] z) {{ z = Relu({name}) }}")
    with pytest.raises(UnsupportedModelError, match=f"'{name}'"):
        defend(model, "z", 3)


def test_the_names_of_torch_s_exporter_may_be_used():
    names = [f"val_{i}" for i in range(4)]
    branch = f"{names[0]} = Neg(z)\n {names[1]} = Neg({names[0]})"
    model = classifier(f"""z = MatMul(x, w)
        y = If (c) <then_branch = a () => (float[N,4] {names[1]}) {{ {branch} }},
                    else_branch = b () => (float[N,4] {names[2]}) {{ {names[2]} = Neg(z) }}>""")
    defend(model, "y", 4, NoiseSource.RANDOM, inline=True)
    assert_names_unique(model)
