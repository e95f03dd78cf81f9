"""The heads that the page runs: ONNX files as `export` writes them, whose parameters the page can set.

A parameter of DynaNoise is a float32 attribute of one node, so it is four bytes of the file. The page writes other
values there, and has the file that `export` would have written for them, but for the metadata.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

import onnx_ir as ir

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.keep_label import keeping_label
from dynanoise_export.graph.attach import attach
from dynanoise_export.graph.logits import Logits, Scale
from dynanoise_export.noise.input_noise import InputNoise
from dynanoise_export.noise.keyed.key import Key
from dynanoise_export.noise.keyed.keyed_noise import KeyedNoise
from dynanoise_export.noise.noise import Noise
from dynanoise_export.noise.random_noise import NEWEST_OPSET, RandomNoise
from dynanoise_export.noise.source import NoiseSource

# Everybody can compute this key: it protects nothing, and is the same on each page.
DEMONSTRATION_KEY = Key(sha256(b"dynanoise-export playground").digest())

# The model before the head, which passes logits on.
INPUT = "logits"
IR_VERSION = 8

# Values for the parameters that no other four bytes of a head are likely to have.
MARKERS = dict(zip(DynaNoise().parameters, (0.7390851, 2.6651442, 3.5449077), strict=True))
FLOAT32 = "<f"


@dataclass(frozen=True)
class Head:
    """A head as the page gets it.

    Attributes:
        noise: where its standard normals come from.
        keep_label: whether its answers keep the undefended label.
        content: the ONNX file, with the default parameters.
        places: for each parameter, where in the file its float32 begins.
    """

    noise: NoiseSource
    keep_label: bool
    content: bytes
    places: Mapping[str, int]

    @property
    def name(self) -> str:
        """A name for its file."""
        return f"{self.noise.value}-kept.onnx" if self.keep_label else f"{self.noise.value}.onnx"

    def with_parameters(self, defence: DynaNoise) -> bytes:
        """Write other parameters into the file, as the page does."""
        return _written(self.content, self.places, defence.parameters)


def playground_heads(classes: int) -> list[Head]:
    """Make the heads for queries of k classes: one for each noise source, without kept labels and with them.

    Raises:
        UserError: keyed noise can't have so many classes.
    """
    noises: tuple[Noise, ...] = (RandomNoise(), InputNoise(), KeyedNoise(DEMONSTRATION_KEY))
    return [_head(classes, noise, keep_label) for noise in noises for keep_label in (False, True)]


def _head(classes: int, noise: Noise, keep_label: bool) -> Head:
    marked = _made(classes, DynaNoise.from_parameters(MARKERS), noise, keep_label)
    places = {name: _only_place(marked, name, value) for name, value in MARKERS.items()}
    content = _made(classes, DynaNoise(), noise, keep_label)
    if content != _written(marked, places, DynaNoise().parameters):
        raise AssertionError("a head depends on its parameters in more than their four bytes")
    return Head(noise.source, keep_label, content, places)


def _made(classes: int, defence: DynaNoise, noise: Noise, keep_label: bool) -> bytes:
    """Attach the defence to a model that passes its logits on."""
    rows = ir.SymbolicDim("n")
    logits = ir.Value(name=INPUT, type=ir.TensorType(ir.DataType.FLOAT), shape=ir.Shape([rows, classes]))
    passed = ir.node("Identity", [logits], name="model")
    scores = passed.outputs[0]
    scores.name, scores.type, scores.shape = "scores", logits.type, logits.shape
    graph = ir.Graph([logits], [scores], nodes=[passed], opset_imports={"": NEWEST_OPSET}, name="head")
    model = ir.Model(graph, ir_version=IR_VERSION)
    attach(model, Logits(scores, Scale.LOGITS, INPUT), classes, keeping_label(defence, keep_label), noise)
    return bytes(ir.to_proto(model).SerializeToString(deterministic=True))


def _only_place(content: bytes, name: str, value: float) -> int:
    encoded = struct.pack(FLOAT32, value)
    if content.count(encoded) != 1:
        raise AssertionError(f"a head has {name} in {content.count(encoded)} places")
    return content.index(encoded)


def _written(content: bytes, places: Mapping[str, int], parameters: Mapping[str, float]) -> bytes:
    written = bytearray(content)
    for name, place in places.items():
        struct.pack_into(FLOAT32, written, place, parameters[name])
    return bytes(written)
