"""Defended graphs with one error each in their defence, and the check that must find it.

They are made from DynaNoise in plain operators, as another tool might write it, so that a mutant replaces one line.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, parser

from dynanoise_export.validation.check import CheckCode

CLASSES = 10
DEFENCE = """
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
    "first_class": np.eye(1, CLASSES, dtype=np.float32),
    "zero_f": np.float32(0),
    "step": np.float32(1 / 256),
    "zero_point": np.uint8(0),
    "is_first": np.eye(1, CLASSES, dtype=bool),
    "lowest": np.float32(-np.inf),
}


Spoil = Callable[[onnx.ModelProto], None]


@dataclass(frozen=True)
class Mutant:
    """A wrong graph: what is wrong, how to make it from a right one, and a check that must fail."""

    name: str
    make: Callable[[onnx.ModelProto], onnx.ModelProto]
    check: CheckCode


def spoilt(name: str, check: CheckCode, spoil: Spoil) -> Mutant:
    """Make a mutant by a change of a right graph."""

    def make(right: onnx.ModelProto) -> onnx.ModelProto:
        model = onnx.ModelProto()
        model.CopyFrom(right)
        spoil(model)
        return model

    return Mutant(name, make, check)


def with_defence(plain: onnx.ModelProto, defence: str = DEFENCE) -> onnx.ModelProto:
    """Put a defence in plain operators on the logits of an undefended model."""
    model = onnx.ModelProto()
    model.CopyFrom(plain)
    graph = model.graph
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = ["logits" if name == graph.output[0].name else name for name in names]
    header = '<ir_version: 10, opset_import: ["": 18]> defence (float[n, 10] logits) => (float[n, 10] probabilities)'
    graph.node.extend(parser.parse_model(f"{header} {{{defence}}}").graph.node)
    used = {name for node in graph.node for name in node.input}
    graph.initializer.extend(numpy_helper.from_array(v, k) for k, v in CONSTANTS.items() if k in used)
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", CLASSES]))
    return model


def line(name: str, check: CheckCode, *replacements: tuple[str, str]) -> Mutant:
    """Make a mutant by replacing lines of the defence: each is named by what it computes."""

    def make(plain: onnx.ModelProto) -> onnx.ModelProto:
        lines = DEFENCE.strip().splitlines()
        for target, text in replacements:
            index = next(i for i, one in enumerate(lines) if one.startswith(f"{target} ="))
            lines[index] = text
        return with_defence(plain, "\n".join(lines))

    return Mutant(name, make, check)


PARITY, DISTRIBUTION = CheckCode.DEFENCE_PARITY, CheckCode.NOISE_DISTRIBUTION
OF_THE_FORMULA = [
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
    line("log-probabilities", CheckCode.ANSWERS_ARE_PROBABILITIES,
         ("probabilities", "probabilities = LogSoftmax <axis = -1> (cooled)")),
]  # fmt: skip

OF_THE_NOISE = [
    line("one draw for the whole batch", CheckCode.NOISE_REPEATED,
         ("noise", "one_row = Slice(logits, first, one_step, first)\nnoise = RandomNormalLike(one_row)")),
    line("one draw for all classes", CheckCode.NOISE_VARIANCE,
         ("noise", "one_class = Slice(logits, first, one_step, one_step)\nnoise = RandomNormalLike(one_class)")),
    line("one draw for two classes", CheckCode.NOISE_BETWEEN_CLASSES,
         ("noise", "all = RandomNormalLike(logits)\nnoise = Gather <axis = 1> (all, pairs)")),
    line("uniform noise of the right variance", DISTRIBUTION,
         ("noise", "noise = RandomUniformLike <low = -1.7320508, high = 1.7320508> (logits)")),
    line("half-normal noise", DISTRIBUTION, ("noise", "all = RandomNormalLike(logits)\nnoise = Abs(all)")),
    line("noise in whole steps", DISTRIBUTION, ("noise", "all = RandomNormalLike(logits)\nnoise = Round(all)")),
    line("noise cut off at 1.5 σ", DISTRIBUTION,
         ("noise", "all = RandomNormalLike(logits)\nnoise = Clip(all, low, high)")),
    line("heavy-tailed noise of the right variance", DISTRIBUTION,
         ("noise", "a = RandomNormalLike(logits)\nb = RandomNormalLike(a)\nnoise = Mul(a, b)")),
    line("noise from two coins that are merged", CheckCode.SURVIVES_ONNXRUNTIME_ALL,
         ("noise", "z0 = Sub(logits, logits)\nfair = Add(z0, half)\na = Bernoulli(fair)\nb = Bernoulli(fair)\n"
          "c = Sub(a, b)\nnoise = Mul(c, two)")),
    line("noise with a mean", CheckCode.NOISE_MEAN,
         ("noise", "all = RandomNormalLike(logits)\nnoise = Add(all, bias)")),
    line("noise scaled by 0.97", CheckCode.NOISE_VARIANCE,
         ("noise", "all = RandomNormalLike(logits)\nnoise = Mul(all, quiet)")),
    line("noise scaled by 1.03", CheckCode.NOISE_VARIANCE,
         ("noise", "all = RandomNormalLike(logits)\nnoise = Mul(all, loud)")),
    line("noise drawn at the wrong scale", CheckCode.NOISE_VARIANCE,
         ("noise", "noise = RandomNormalLike <scale = 0.9> (logits)")),
    line("noise with a seed", CheckCode.NO_SEED, ("noise", "noise = RandomNormalLike <seed = 7.0> (logits)")),
    line("noise folded to a constant", CheckCode.LIVE_DRAWS, ("noise", "noise = Identity(row)")),
    line("noise drawn from a constant", CheckCode.LIVE_DRAWS, ("noise", "noise = RandomNormalLike(zeros)")),
    line("noise of no input at all", CheckCode.LIVE_DRAWS, ("noise", "noise = RandomNormal <shape = [1, 10]> ()")),
    line("no noise where the model is unsure", CheckCode.NOISE_VARIANCE_OVER_SENSITIVITY,
         ("noise", "all = RandomNormalLike(logits)\nsure = Greater(r, half)\nmask = Cast <to = 1> (sure)\n"
          "noise = Mul(all, mask)")),
    line("no noise on the first class", CheckCode.NOISE_VARIANCE_OVER_CLASSES,
         ("noise", "all = RandomNormalLike(logits)\nmask = Sub(one, first_class)\nnoise = Mul(all, mask)")),
    line("more noise further down the batch", CheckCode.NOISE_VARIANCE_OVER_POSITIONS,
         ("noise", "all = RandomNormalLike(logits)\nplace_0 = Mul(r, zero_f)\nplace_1 = Add(place_0, one)\n"
          "place = CumSum(place_1, zero_axis)\nodd = Mod <fmod = 1> (place, two)\nscale = Add(half, odd)\n"
          "noise = Mul(all, scale)")),
]  # fmt: skip
