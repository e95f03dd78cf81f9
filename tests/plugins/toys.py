"""Toy plugins, one of each kind: two defences, an attack, a source format and an endpoint. No file of the library knows
them.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import torch
from onnxscript import opset13 as op
from onnxscript import script
from onnxscript.values import Opset
from scipy.special import erf, softmax

from dynanoise_export.attacks.methods.attack import Attack
from dynanoise_export.defences.base import Defence, NoiseLaw, require_between
from dynanoise_export.deployed.from_file import open_file
from dynanoise_export.deployed.open_deployed import EndpointKind
from dynanoise_export.errors import FormatError, UsageError, first_line
from dynanoise_export.files import sha256
from dynanoise_export.noise.strength import Where
from dynanoise_export.onnx_functions import DOMAIN, LARGEST, LARGEST_LOGIT, SMALLEST, VERSION, of_opset
from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimePredictor
from dynanoise_export.sources.open_source import SourceFormat
from dynanoise_export.types import TensorSpec


@script(Opset(DOMAIN, VERSION), default_opset=op)
def static(logits, noise, classes: int, spread: float, heat: float):
    z = op.Clip(op.Cast(logits, to=onnx.TensorProto.FLOAT), op.Constant(value=SMALLEST), op.Constant(value=LARGEST))
    noisy = op.Add(op.LogSoftmax(z, axis=-1), op.Mul(op.Constant(value_float=spread), noise))
    return op.Softmax(op.Div(noisy, op.Constant(value_float=heat)), axis=-1)


@dataclass(frozen=True)
class Static(Defence):
    """Gaussian noise of the same standard deviation for every query, so the law is known."""

    spread: float = 1.0
    heat: float = 2.0

    name = "toy-static"
    function_name = "ToyStatic"

    def __post_init__(self):
        require_between("spread", self.spread, 0, 100, open_low=True)
        require_between("heat", self.heat, 0.1, 100)

    @property
    def law(self):
        return NoiseLaw(lambda logits: np.full_like(logits[:, :1], self.spread), self.heat, "spread²")

    @property
    def lipschitz(self):
        return 1 / self.heat

    def function(self, opset):
        return of_opset(static, opset, self.function_name)

    def defend(self, logits, noise):
        noisy = np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT) + self.spread * noise
        return softmax(noisy / self.heat, axis=-1)

    def undo(self, log_probabilities):
        return log_probabilities * self.heat

    def mean_answer(self, logits, answers, generator):
        noise = generator.standard_normal(logits.shape)
        return (logits + self.spread / answers**0.5 * noise).astype(logits.dtype)


@script(Opset(DOMAIN, VERSION), default_opset=op)
def bounded(logits, noise, classes: int, width: float):
    z = op.Clip(op.Cast(logits, to=onnx.TensorProto.FLOAT), op.Constant(value=SMALLEST), op.Constant(value=LARGEST))
    uniform = op.Erf(op.Mul(noise, op.Constant(value_float=0.70710678)))
    return op.Softmax(op.Add(op.LogSoftmax(z, axis=-1), op.Mul(op.Constant(value_float=width), uniform)), axis=-1)


@dataclass(frozen=True)
class Bounded(Defence):
    """Uniform noise between ±width, made from the normals; its law is not one that the audit knows."""

    width: float = 1.0

    name = "toy-bounded"
    function_name = "ToyBounded"

    def __post_init__(self):
        require_between("width", self.width, 0, 100, open_low=True)

    def function(self, opset):
        return of_opset(bounded, opset, self.function_name)

    def defend(self, logits, noise):
        uniform = erf(noise / 2**0.5)
        return softmax(np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT) + self.width * uniform, axis=-1)

    def undo(self, log_probabilities):
        return log_probabilities

    def mean_answer(self, logits, answers, generator):
        draws = generator.random((max(1, round(answers)), *logits.shape))
        return (logits + self.width * (2 * draws.mean(axis=0) - 1)).astype(logits.dtype)


def first_class(evidence):
    """Score a row by the log-probability of its first class: as good as a coin, and so a check of the figures."""
    return evidence.log_p[:, 0].astype(np.float64)


ATTACK = Attack(code="toy", name="toy attack", source="nowhere", score=first_class)


def recognises(path: Path) -> bool:
    return path.suffix == ".toy"


def open_toy(path: Path, options):
    """Open a linear classifier as JSON: {"weight": [[…]], "bias": […]}."""
    from dynanoise_export.sources.torch_module import source_from_module

    try:
        content = json.loads(path.read_text())
        weight, bias = (torch.tensor(content[name], dtype=torch.float32) for name in ("weight", "bias"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FormatError(f"{path} is not a toy: {first_line(error)}") from error
    module = torch.nn.Linear(weight.shape[1], weight.shape[0])
    module.load_state_dict({"weight": weight, "bias": bias})
    inputs = (TensorSpec("x", "float32", ("batch", weight.shape[1])),)
    return source_from_module(path, "a toy", sha256(path), module, inputs, options)


FORMAT = SourceFormat(recognises, open_toy, "a toy (.toy)")

SCHEME = "toy:"


@dataclass(frozen=True)
class ToyEndpoint:
    """An ONNX file behind a name of its own, in ONNX Runtime."""

    path: Path
    where = Where.ONNXRUNTIME_CPU

    def open(self):
        return OnnxRuntimePredictor(self.path, threads=1)


def open_endpoint(name: str, execution):
    if execution is not None:
        raise UsageError(f"{name} takes no --provider.")
    path = Path(name.removeprefix(SCHEME))
    return replace(open_file(path), name=name, endpoint=ToyEndpoint(path))


ENDPOINT = EndpointKind(lambda name: name.startswith(SCHEME), open_endpoint)
