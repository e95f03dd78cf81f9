"""Small graphs with the endings of other tools, written by hand."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import onnx

from benchmarks.zoo.entry import EXACT, HALF, Entry, Made, Scores
from dynanoise_export.sources.score_options import ScoreOptions
from dynanoise_export.sources.source_model import SourceOptions

ASKED, FEATURES, CLASSES = 256, 8, 6
LOGITS, SOFTMAX, PROBABILITIES, REFUSED = Scores.LOGITS, Scores.SOFTMAX, Scores.PROBABILITIES, Scores.REFUSED

HEADER = '<ir_version: 10, opset_import: ["": 18, "ai.onnx.ml": 3, "own": 1]>'
K, N = CLASSES, "N"
NUMBERS = (
    f"int64[2] flat = {{-1, {K}}}, int64[4] wide = {{-1, {K}, 1, 1}}, int64[3] steps = {{-1, 2, 3}}, "
    "int64[2] ones = {2, 3}, int64[1] last = {-1}, int64[1] none = {0}, float one = {1}, float half = {0.5}, "
    "float ten = {10}, float hundred = {100}, float share = {0.015}, float most = {0.91}, float huge = {-1000000000}, "
    f"float small = {{0.0000001}}, float scale = {{0.00390625}}, uint8 zero = {{0}}, int64[1] k = {{{K}}}, "
    f"int64[2] halves = {{3, 3}}, bool[{K}] allowed = {{1, 1, 0, 1, 1, 1}}"
)


@dataclass(frozen=True)
class Graph:
    """The end of a graph, which takes the logits z [N, 6], the hidden layer h [N, 16] and the rows x [N, 8].

    Attributes:
        scores: what its output y is.
        body: the last nodes.
        outputs: the graph's outputs.
        logits: the name that the user gives with --logits, or None.
        more: what stands after the graph, such as a local function.
        fails: the check of `validate` that rightly fails, or "".
    """

    scores: Scores
    body: str
    outputs: str = f"float[N,{K}] y"
    logits: str | None = None
    more: str = ""
    fails: str = ""


GRAPHS = {
    "softmax in PaddlePaddle's form": Graph(
        SOFTMAX, "p = Softmax<axis=1>(z)\n y = Identity(p)", f"float[unknown,{K}] y"
    ),
    "softmax over [N, K, 1, 1]": Graph(
        SOFTMAX, "v = Reshape(z, wide)\n y = Softmax<axis=1>(v)", f"float[N,{K},1,1] y"
    ),
    "softmax at a temperature": Graph(SOFTMAX, "t = Div(z, ten)\n y = Softmax<axis=-1>(t)"),
    "softmax with a class that is never given": Graph(
        SOFTMAX, "t = Where(allowed, z, huge)\n y = Softmax<axis=-1>(t)", fails="noise-reaches-every-class"
    ),
    "log-softmax": Graph(SOFTMAX, "y = LogSoftmax<axis=-1>(z)"),
    "logarithm of clipped probabilities": Graph(
        SOFTMAX, "p = Softmax<axis=-1>(z)\n c = Clip(p, small, one)\n y = Log(c)"
    ),
    "softmax in a local function": Graph(
        SOFTMAX, "y = own.Head(z)",
        more='<domain: "own", opset_import: ["": 18]> Head (v) => (p) { p = Softmax<axis=-1>(v) }',
    ),
    "softmax in both branches of an If": Graph(
        PROBABILITIES,
        "c = Constant<value_ints=[1]>()\n b = Cast<to=9>(c)\n y = If(b) <then_branch = t () => (p) { p = Softmax(z) }, "
        "else_branch = e () => (q) { q = Softmax(z) }>",
    ),
    "softmax in float16": Graph(SOFTMAX, "f = Cast<to=10>(z)\n p = Softmax<axis=-1>(f)\n y = Cast<to=1>(p)"),
    "softmax in double": Graph(SOFTMAX, "d = Cast<to=11>(z)\n y = Softmax<axis=-1>(d)", f"double[N,{K}] y"),
    "logits in double": Graph(LOGITS, "y = Cast<to=11>(z)", f"double[N,{K}] y"),
    "softmax of a softmax": Graph(SOFTMAX, "p = Softmax<axis=-1>(z)\n y = Softmax<axis=-1>(p)"),
    "mean of two softmaxes": Graph(
        PROBABILITIES, "p = Softmax<axis=-1>(z)\n t = Div(z, ten)\n q = Softmax<axis=-1>(t)\n y = Mean(p, q)"
    ),
    "smoothed softmax": Graph(
        PROBABILITIES, "p = Softmax<axis=-1>(z)\n s = Mul(p, most)\n y = Add(s, share)"
    ),
    "hierarchical softmax": Graph(
        PROBABILITIES,
        "v = Reshape(z, steps)\n i = Softmax<axis=2>(v)\n g = ReduceMean<keepdims=1>(v, last)\n"
        "o = Softmax<axis=1>(g)\n m = Mul(i, o)\n y = Reshape(m, flat)",
    ),
    "softmax of class groups": Graph(
        PROBABILITIES,
        "p = Softmax<axis=-1>(z)\n v = Reshape(p, steps)\n y = ReduceSum<keepdims=0>(v, last)", "float[N,2] y",
    ),
    "evidence of a Dirichlet distribution": Graph(
        PROBABILITIES, "e = Exp(z)\n a = Add(e, one)\n s = ReduceSum<keepdims=1>(a, last)\n y = Div(a, s)"
    ),
    "positive scores, normalised": Graph(
        PROBABILITIES, 'r = Relu(z)\n a = Add(r, small)\n y = ai.onnx.ml.Normalizer<norm="L1">(a)'
    ),
    "one-hot answers": Graph(PROBABILITIES, "y = Hardmax<axis=-1>(z)"),
    "logits of a distance": Graph(
        LOGITS, "s = Mul(z, z)\n y = Neg(s)"
    ),
    "logits that are never negative": Graph(LOGITS, "y = Relu(z)"),
    "logits beside probabilities": Graph(
        LOGITS, "logits = Identity(z)\n y = Softmax<axis=-1>(z)", f"float[N,{K}] y, float[N,{K}] logits"
    ),
    "probabilities beside a label": Graph(
        SOFTMAX, "y = Softmax<axis=-1>(z)\n l = ArgMax<axis=1, keepdims=0>(z)", f"int64[N] l, float[N,{K}] y"
    ),
    "probabilities beside an embedding": Graph(
        REFUSED, "y = Softmax<axis=-1>(z)\n e = Identity(h)", f"float[N,16] e, float[N,{K}] y"
    ),
    "probabilities beside an embedding, named": Graph(
        SOFTMAX, "y = Softmax<axis=-1>(z)\n e = Identity(h)", f"float[N,16] e, float[N,{K}] y", "y"
    ),
    "the most probable classes, sorted": Graph(
        REFUSED, "p = Softmax<axis=-1>(z)\n y, i = TopK<axis=-1>(p, k)", f"float[N,{K}] y, int64[N,{K}] i"
    ),
    "percentages": Graph(REFUSED, "p = Softmax<axis=-1>(z)\n y = Mul(p, hundred)"),
    "embeddings of length 1": Graph(REFUSED, "y = LpNormalization<axis=-1, p=2>(z)"),
    "probabilities in 8 bits": Graph(
        REFUSED, "p = Softmax<axis=-1>(z)\n y = QuantizeLinear(p, scale, zero)", f"uint8[N,{K}] y"
    ),
    "a label alone": Graph(REFUSED, "y = ArgMax<axis=1, keepdims=0>(z)", "int64[N] y"),
    "scores of each token": Graph(
        REFUSED, "v = Reshape(z, steps)\n y = Softmax<axis=-1>(v)", "float[N,2,3] y"
    ),
    "several labels, by a sigmoid": Graph(REFUSED, "p = Sigmoid(z)\n y = Clip(p, small, one)"),
    "several labels, from two heads": Graph(
        REFUSED, "a, b = Split<axis=1>(z, halves)\n p = Sigmoid(a)\n q = Sigmoid(b)\n y = Concat<axis=1>(p, q)"
    ),
    "one score": Graph(REFUSED, "g = Gather<axis=1>(z, none)\n y = Sigmoid(g)", "float[N,1] y"),
    "one sigmoid, named binary": Graph(
        Scores.ONE_SIGMOID, "g = Gather<axis=1>(z, none)\n y = Sigmoid(g)", "float[N,1] y"
    ),
    "one logit of the shape [N], named binary": Graph(
        Scores.ONE_LOGIT, "g = Gather<axis=1>(z, none)\n y = Squeeze(g, last)", "float[N] y"
    ),
}  # fmt: skip


def graphs() -> Iterator[Entry]:
    """Give the entries."""
    for name, graph in GRAPHS.items():
        limit = HALF if "float16" in name else EXACT
        yield Entry(name, "by hand", graph.scores, partial(written, graph), limit, fails=graph.fails)


def written(graph: Graph, folder: Path) -> Made:
    """Write a graph, and make up rows."""
    generator = np.random.default_rng(0)
    sizes = ((FEATURES, 16), (16, CLASSES))
    weights = ", ".join(
        f"float[{rows},{columns}] w{rows} = {{{', '.join(map(str, generator.normal(0, 0.7, rows * columns)))}}}"
        for rows, columns in sizes
    )
    text = (
        f"{HEADER} g (float[N,{FEATURES}] x) => ({graph.outputs}) <{weights}, {NUMBERS}> "
        f"{{ hidden = MatMul(x, w8)\n h = Tanh(hidden)\n z = MatMul(h, w16)\n {graph.body} }} {graph.more}"
    )
    model = onnx.parser.parse_model(text)
    for value in (*model.graph.input, *model.graph.output):
        for axis in value.type.tensor_type.shape.dim:
            if axis.dim_param == "unknown":
                axis.dim_value = -1
    path = folder / "model.onnx"
    onnx.save(model, path)
    binary = graph.scores in (Scores.ONE_SIGMOID, Scores.ONE_LOGIT)
    rows = generator.standard_normal((ASKED, FEATURES), dtype=np.float32)
    options = SourceOptions(logits=graph.logits, scores=ScoreOptions(binary=binary))
    return Made(path, {"x": rows}, options)
