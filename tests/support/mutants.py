"""Defended graphs that are each wrong in one way, and the check that must say so.

They are made from a head written out in plain operators, as another tool might write it, so that a mutant is a line
of it replaced; and, for what is wrong elsewhere than in the head, from a file of `export`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, parser

CLASSES = 10
HEAD = """
log_p = LogSoftmax <axis = -1> (logits)
p = Exp(log_p)
plogp = Mul(p, log_p)
total = ReduceSum(plogp, last)
h = Neg(total)
share = Div(h, log_k)
r = Sub(one, share)
growth = Mul(lambda, r)
factor = Add(one, growth)
variance = Mul(base_variance, factor)
sigma = Sqrt(variance)
noise = RandomNormalLike(logits)
eta = Mul(sigma, noise)
noisy = Add(logits, eta)
cooled = Div(noisy, temperature)
probabilities = Softmax <axis = -1> (cooled)
"""
CONSTANTS = {
    "last": np.array([-1]),
    "first": np.array([0]),
    "zero_axis": np.array(0),
    "one_step": np.array([1]),
    "one": np.float32(1),
    "half": np.float32(0.5),
    "two": np.float32(2),
    "log_2": np.float32(np.log(2)),
    "log_k": np.float32(np.log(CLASSES)),
    "k": np.float32(CLASSES),
    "lambda": np.float32(2),
    "base_variance": np.float32(0.3),
    "temperature": np.float32(10),
    "row": np.random.default_rng(0).standard_normal((1, CLASSES)).astype(np.float32),
    "zeros": np.zeros((1, CLASSES), np.float32),
    "bias": np.linspace(-0.3, 0.3, CLASSES, dtype=np.float32),
    "quiet": np.float32(0.97),
    "loud": np.float32(1.03),
    "low": np.float32(-1.5),
    "high": np.float32(1.5),
    "hundred": np.float32(100),
    "pairs": np.arange(CLASSES) // 2 * 2,
    "swapped": np.array([1, 0, *range(2, CLASSES)]),
}


@dataclass(frozen=True)
class Mutant:
    """A wrong graph: what is wrong, what makes it from a right one, and the check that must fail."""

    name: str
    make: Callable[[onnx.ModelProto], onnx.ModelProto]
    check: str


def with_head(plain: onnx.ModelProto, head: str = HEAD) -> onnx.ModelProto:
    """Put a head of plain operators on the logits of an undefended model."""
    model = onnx.ModelProto()
    model.CopyFrom(plain)
    graph = model.graph
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = ["logits" if name == graph.output[0].name else name for name in names]
    header = '<ir_version: 10, opset_import: ["": 18]> head (float[n, 10] logits) => (float[n, 10] probabilities)'
    graph.node.extend(parser.parse_model(f"{header} {{{head}}}").graph.node)
    used = {name for node in graph.node for name in node.input}
    graph.initializer.extend(numpy_helper.from_array(v, k) for k, v in CONSTANTS.items() if k in used)
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", CLASSES]))
    return model


def line(name: str, check: str, *replacements: tuple[str, str]) -> Mutant:
    """Make a mutant of lines of the head: each is named by what it computes."""

    def make(plain: onnx.ModelProto) -> onnx.ModelProto:
        lines = HEAD.strip().splitlines()
        for target, text in replacements:
            index = next(i for i, one in enumerate(lines) if one.startswith(f"{target} ="))
            lines[index] = text
        return with_head(plain, "\n".join(lines))

    return Mutant(name, make, check)


PARITY, DISTRIBUTION = "head parity", "noise distribution"
IN_THE_HEAD = [
    line("σ in place of σ²", PARITY, ("sigma", "sigma = Identity(variance)")),
    line("σ₀ in place of σ₀²", PARITY, ("variance", "root = Sqrt(base_variance)\nvariance = Mul(root, factor)")),
    line("λ missing", PARITY, ("growth", "growth = Identity(r)")),
    line("λ halved", PARITY, ("growth", "less = Mul(half, r)\ngrowth = Mul(lambda, less)")),
    line("R missing", PARITY, ("growth", "growth = Identity(lambda)")),
    line("R reversed", PARITY, ("r", "r = Identity(share)")),
    line("R squared", PARITY, ("r", "r_1 = Sub(one, share)\nr = Mul(r_1, r_1)")),
    line("log₂ in H", PARITY, ("h", "h_e = Neg(total)\nh = Div(h_e, log_2)")),
    line("H not normalised", PARITY, ("share", "not_normalised = Min(h, one)\nshare = Identity(not_normalised)")),
    line("H over k in place of log k", PARITY, ("share", "share = Div(h, k)")),
    line("H of the whole batch", PARITY, ("h", "h_1 = Neg(total)\nh = ReduceMean <keepdims = 1> (h_1, first)")),
    line("H of the tempered answer", PARITY, ("log_p", "t = Div(logits, temperature)\nlog_p = LogSoftmax(t)")),
    line("T before the noise", PARITY, ("noisy", "tempered = Div(logits, temperature)\nnoisy = Add(tempered, eta)"),
         ("cooled", "cooled = Identity(noisy)")),
    line("T missing", PARITY, ("cooled", "cooled = Identity(noisy)")),
    line("T twice", PARITY, ("cooled", "warm = Div(noisy, temperature)\ncooled = Div(warm, temperature)")),
    line("T multiplied", PARITY, ("cooled", "cooled = Mul(noisy, temperature)")),
    line("noise after the softmax", PARITY, ("noisy", "t = Div(logits, temperature)\ns = Softmax <axis = -1> (t)"),
         ("cooled", ""), ("probabilities", "probabilities = Add(s, eta)")),
    line("softmax over the batch", PARITY, ("probabilities", "probabilities = Softmax <axis = 0> (cooled)")),
    line("answers rounded", PARITY, ("probabilities", "s = Softmax <axis = -1> (cooled)\nc = Mul(s, hundred)\n"
         "d = Round(c)\nprobabilities = Div(d, hundred)")),
    line("log-probabilities", "answers are probabilities",
         ("probabilities", "probabilities = LogSoftmax <axis = -1> (cooled)")),
    line("one draw for the whole batch", "noise repeated",
         ("noise", "one_row = Slice(logits, first, one_step, first)\nnoise = RandomNormalLike(one_row)")),
    line("one draw for all classes", "noise variance",
         ("noise", "one_class = Slice(logits, first, one_step, one_step)\nnoise = RandomNormalLike(one_class)")),
    line("one draw for two classes", "noise between classes",
         ("noise", "all = RandomNormalLike(logits)\nnoise = Gather <axis = 1> (all, pairs)")),
    line("uniform noise of the right variance", DISTRIBUTION,
         ("noise", "noise = RandomUniformLike <low = -1.7320508, high = 1.7320508> (logits)")),
    line("half-normal noise", DISTRIBUTION, ("noise", "all = RandomNormalLike(logits)\nnoise = Abs(all)")),
    line("noise in whole steps", DISTRIBUTION, ("noise", "all = RandomNormalLike(logits)\nnoise = Round(all)")),
    line("noise cut off at 1.5 σ", DISTRIBUTION,
         ("noise", "all = RandomNormalLike(logits)\nnoise = Clip(all, low, high)")),
    line("heavy-tailed noise of the right variance", DISTRIBUTION,
         ("noise", "a = RandomNormalLike(logits)\nb = RandomNormalLike(a)\nnoise = Mul(a, b)")),
    line("noise from two coins that are merged", "survives ONNX Runtime, all",
         ("noise", "z0 = Sub(logits, logits)\nfair = Add(z0, half)\na = Bernoulli(fair)\nb = Bernoulli(fair)\n"
          "c = Sub(a, b)\nnoise = Mul(c, two)")),
    line("noise with a mean", "noise mean", ("noise", "all = RandomNormalLike(logits)\nnoise = Add(all, bias)")),
    line("noise scaled by 0.97", "noise variance",
         ("noise", "all = RandomNormalLike(logits)\nnoise = Mul(all, quiet)")),
    line("noise scaled by 1.03", "noise variance", ("noise", "all = RandomNormalLike(logits)\nnoise = Mul(all, loud)")),
    line("noise drawn at the wrong scale", "noise variance",
         ("noise", "noise = RandomNormalLike <scale = 0.9> (logits)")),
    line("noise with a seed", "no seed", ("noise", "noise = RandomNormalLike <seed = 7.0> (logits)")),
    line("noise folded to a constant", "live draws", ("noise", "noise = Identity(row)")),
    line("noise drawn from a constant", "live draws", ("noise", "noise = RandomNormalLike(zeros)")),
    line("noise of no input at all", "live draws", ("noise", "noise = RandomNormal <shape = [1, 10]> ()")),
    line("no noise where the model is unsure", "noise variance over sensitivity",
         ("noise", "all = RandomNormalLike(logits)\nsure = Greater(r, half)\nmask = Cast <to = 1> (sure)\n"
          "noise = Mul(all, mask)")),
    line("no noise on the first class", "noise variance over classes",
         ("noise", "all = RandomNormalLike(logits)\nmask = Sub(one, first_class)\nnoise = Mul(all, mask)")),
    line("more noise further down the batch", "noise variance over places",
         ("noise", "all = RandomNormalLike(logits)\nplace_0 = Mul(r, zero_f)\nplace_1 = Add(place_0, one)\n"
          "place = CumSum(place_1, zero_axis)\nodd = Mod <fmod = 1> (place, two)\nscale = Add(half, odd)\n"
          "noise = Mul(all, scale)")),
]  # fmt: skip
CONSTANTS["first_class"] = np.eye(1, CLASSES, dtype=np.float32)
CONSTANTS["zero_f"] = np.float32(0)


def _edited(name: str, check: str, edit: Callable[[onnx.ModelProto], None]) -> Mutant:
    """Make a mutant by an edit of a right model with a head of plain operators."""

    def make(plain: onnx.ModelProto) -> onnx.ModelProto:
        model = with_head(plain)
        edit(model)
        return model

    return Mutant(name, make, check)


def _weight(model: onnx.ModelProto, change: Callable[[np.ndarray], np.ndarray], name: str = "2.weight") -> None:
    tensor = next(t for t in model.graph.initializer if t.name == name)
    tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor)).astype(np.float32), name))


def _nudged(weight: np.ndarray) -> np.ndarray:
    nudged = weight.copy()
    nudged[0, np.abs(weight).sum(axis=0).argmax()] += 1e-3  # of a unit that is alive
    return nudged


def _output(model: onnx.ModelProto, name: str, width: int = CLASSES) -> None:
    model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", width]))


def _leak_in_if(model: onnx.ModelProto) -> None:
    branches = {}
    for name, value in (("then_branch", "logits"), ("else_branch", "probabilities")):
        out = helper.make_tensor_value_info(f"{name}_out", TensorProto.FLOAT, ["batch", CLASSES])
        branches[name] = helper.make_graph([helper.make_node("Identity", [value], [f"{name}_out"])], name, [], [out])
    model.graph.node.append(helper.make_node("If", ["always"], ["chosen"], **branches))
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "always"))
    _output(model, "chosen")


def _leak_in_function(model: onnx.ModelProto) -> None:
    body = [helper.make_node("Identity", ["p"], ["q"]), helper.make_node("Identity", ["z"], ["side"])]
    opsets = [helper.make_opsetid("", model.opset_import[0].version)]
    model.functions.append(helper.make_function("local", "Both", ["p", "z"], ["q", "side"], body, opsets))
    model.opset_import.append(helper.make_opsetid("local", 1))
    model.graph.node.append(
        helper.make_node("Both", ["probabilities", "logits"], ["passed_on", "side"], domain="local")
    )
    _output(model, "side")


def _noise_as_output(model: onnx.ModelProto) -> None:
    _output(model, "eta")


def _overridable(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("base_variance", TensorProto.FLOAT, []))


def _fixed_batch(model: onnx.ModelProto) -> None:
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1


def _permuted(model: onnx.ModelProto) -> None:
    for node in model.graph.node:
        node.input[:] = ["permuted" if name == "logits" else name for name in node.input]
    index = next(i for i, node in enumerate(model.graph.node) if "logits" in node.output)
    model.graph.node.insert(index + 1, helper.make_node("Gather", ["logits", "swapped"], ["permuted"], axis=1))
    model.graph.initializer.append(numpy_helper.from_array(CONSTANTS["swapped"], "swapped"))


def _without(model: onnx.ModelProto, operator: str) -> None:
    node = next(node for node in model.graph.node if node.op_type == operator)
    node.CopyFrom(helper.make_node("Identity", node.input[:1], node.output))


def _half_head(model: onnx.ModelProto) -> None:
    index = next(i for i, node in enumerate(model.graph.node) if node.output[0] == "log_p")
    for node in model.graph.node[index:]:
        for names in (node.input, node.output):
            names[:] = ["half_out" if n == "probabilities" else "half_in" if n == "logits" else n for n in names]
    for tensor in model.graph.initializer:
        if tensor.name in CONSTANTS and tensor.data_type == TensorProto.FLOAT:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name))
    to_half = helper.make_node("Cast", ["logits"], ["half_in"], to=TensorProto.FLOAT16)
    model.graph.node.insert(index, to_half)
    model.graph.node.append(helper.make_node("Cast", ["half_out"], ["probabilities"], to=TensorProto.FLOAT))


def _unknown_operator(model: onnx.ModelProto) -> None:
    model.graph.node[0].op_type = "NoSuchOperator"


ELSEWHERE = [
    _edited("a weight changed by 1e-3", "model parity", lambda m: _weight(m, _nudged, "4.weight")),
    _edited("a transposed layer", "model parity", lambda m: _weight(m, np.transpose)),
    _edited("weights rounded to float16", "model parity", lambda m: _weight(m, lambda w: w.astype(np.float16))),
    _edited("a bias lost", "model parity", lambda m: _weight(m, np.zeros_like, "4.bias")),
    _edited("an activation lost", "model parity", lambda m: _without(m, "Relu")),
    _edited("two classes swapped", "same labels", _permuted),
    _edited("logits as a second output", "no leak", lambda m: _output(m, "logits")),
    _edited("the input as a second output", "no leak", lambda m: _output(m, m.graph.input[0].name, 64)),
    _edited("the noise as a second output", "no leak", _noise_as_output),
    _edited("an undefended answer as a second output", "no leak", lambda m: _output(m, "p")),
    _edited("logits through an If", "no leak", _leak_in_if),
    _edited("logits through a local function", "no leak", _leak_in_function),
    _edited("σ₀ that a caller may replace", "no overridable weight", _overridable),
    _edited("the batch axis fixed to 1", "batch axis", _fixed_batch),
    _edited("the head in float16", PARITY, _half_head),
    _edited("an operator that does not exist", "well-formed", _unknown_operator),
]


def wrong_metadata(defended: onnx.ModelProto) -> None:
    """Let the metadata state a smaller σ₀ than the graph has."""
    entry = next(p for p in defended.metadata_props if p.key == "dynanoise.parameters")
    entry.value = '{"sigma0": 0.4, "lambda": 2.0, "temperature": 10.0}'


def wrong_attribute(defended: onnx.ModelProto, name: str, value: float) -> None:
    """Let the head's node hold another parameter than the metadata states."""
    head = next(node for node in defended.graph.node if node.op_type == "DynaNoise")
    next(a for a in head.attribute if a.name == name).f = value


def seeded(defended: onnx.ModelProto) -> None:
    """Give the draw of an exported file a seed."""
    draw = next(node for node in defended.graph.node if node.op_type == "RandomNormalLike")
    draw.attribute.append(helper.make_attribute("seed", 1.0))


OF_AN_EXPORT: dict[str, tuple[Callable[[onnx.ModelProto], None], str]] = {
    "another σ₀ in the metadata": (wrong_metadata, "stated parameters"),
    "another σ₀ in the node": (lambda m: wrong_attribute(m, "sigma0", 0.4), "stated parameters"),
    "another λ in the node": (lambda m: wrong_attribute(m, "lambda_", 1.0), "stated parameters"),
    "another T in the node": (lambda m: wrong_attribute(m, "temperature", 6.0), "stated parameters"),
    "an exported file's draw with a seed": (seeded, "no seed"),
}
