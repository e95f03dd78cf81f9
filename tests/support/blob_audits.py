"""Audits of a small classifier of points that remembers its training rows, with shadow models that can be asked."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from dynanoise_export.bundles import Part, save_bundle
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.keep_label import KeptLabel
from dynanoise_export.exporting import export
from dynanoise_export.noise.keyed.key import KeyFile
from dynanoise_export.shadow_stores import ShadowStore
from dynanoise_export.types import Bools, Float32s, Floats, Int64s
from support.graphs import KEY

FEATURES, CLASSES, HIDDEN = 24, 4, 160
# The share of rows with a random label: only a model that was trained on them answers it.
MISLABELLED = 0.2
# Turns the network's outputs, which are fitted to 0 and 1, into logits.
SHARPNESS = 6.0
RIDGE = 30.0


@dataclass(frozen=True)
class BlobAudit:
    """The files of an audit, and what is in them.

    Attributes:
        plain: the undefended target.
        defended: the target with random noise.
        kept: the target with keyed noise and its own label; the key file lies beside it.
        bundle: the rows.
        store: the shadow models, with their files.
        x: float32 [n, d].
        y: int64 [n].
        split: str [n].
        hidden: float32 [d + 1, h], the first layer of all models, its bias in the last row.
        outer: float32 [h + 1, k], the second layer of the target, likewise.
    """

    plain: Path
    defended: Path
    kept: Path
    bundle: Path
    store: Path
    x: Float32s
    y: Int64s
    split: np.ndarray
    hidden: Float32s
    outer: Float32s

    def logits(self, x: Floats) -> Floats:
        """Compute the target's logits [b, k] of points [b, d]."""
        return _logits(x, self.hidden, self.outer)


def make_blob_audit(folder: Path, rows: int = 400, shadows: int = 8, *, binary: bool = False) -> BlobAudit:
    """Make an audit whose members are told from non-members with an AUC above 0.7.

    Args:
        folder: of the files.
        rows: n, of which a tenth are auxiliary.
        shadows: the number of shadow models; an even number.
        binary: whether the rows are features of 0 and 1.
    """
    generator = np.random.default_rng(0)
    folder.mkdir(exist_ok=True)
    x, y = _points(generator, rows, binary)
    auxiliary, member = np.arange(rows) % 10 == 0, generator.random(rows) < 0.5
    split = np.where(auxiliary, Part.AUXILIARY, np.where(member, Part.MEMBER, Part.NON_MEMBER)).astype(np.str_)
    trained_on = generator.permuted(np.arange(shadows)[:, None] % 2 == np.zeros(rows), axis=0)
    hidden = generator.normal(0, 0.5, (FEATURES + 1, HIDDEN)).astype(np.float32)
    outer = _fitted(x, y, hidden, split == Part.MEMBER)
    plain = _write(folder / "plain.onnx", hidden, outer)
    export(plain, folder / "defended.onnx", defence=DynaNoise())
    KeyFile(folder / "kept.onnx.key", KEY, new=True).save()  # for the same noise in every run
    export(plain, folder / "kept.onnx", defence=KeptLabel(DynaNoise()), noise="keyed")
    save_bundle(folder / "bundle.npz", {"x": x}, y, split)
    own = [_fitted(x, y, hidden, kept) for kept in trained_on]
    ShadowStore.write(
        folder / "store",
        bundle=folder / "bundle.npz",
        logits=np.stack([_logits(x, hidden, one) for one in own]),
        kept=trained_on,
        models=[_write(folder / f"shadow-{number}.onnx", hidden, one) for number, one in enumerate(own)],
    )
    return BlobAudit(
        plain,
        folder / "defended.onnx",
        folder / "kept.onnx",
        folder / "bundle.npz",
        folder / "store",
        x,
        y,
        split,
        hidden,
        outer,
    )


def _points(generator: np.random.Generator, rows: int, binary: bool) -> tuple[Float32s, Int64s]:
    """Draw points around a centre for each class, and give some of them another label."""
    centres = generator.normal(0, 0.7, (CLASSES, FEATURES))
    own = generator.integers(0, CLASSES, rows)
    x = (centres[own] + generator.normal(0, 1, (rows, FEATURES))).astype(np.float32)
    y = np.where(generator.random(rows) < MISLABELLED, generator.integers(0, CLASSES, rows), own)
    return (x > 0).astype(np.float32) if binary else x, y


def _fitted(x: Float32s, y: Int64s, hidden: Float32s, trained_on: Bools) -> Float32s:
    """Fit the second layer to the training rows by ridge regression: [h + 1, k]."""
    features = _with_ones(_activations(x, hidden))[trained_on]
    aims = np.eye(CLASSES)[y[trained_on]]
    gram = features.T @ features + RIDGE * np.eye(HIDDEN + 1)
    return (SHARPNESS * np.linalg.solve(gram, features.T @ aims)).astype(np.float32)


def _logits(x: Floats, hidden: Float32s, outer: Float32s) -> Floats:
    return _with_ones(_activations(x, hidden)) @ outer


def _activations(x: Floats, hidden: Float32s) -> Floats:
    return np.maximum(_with_ones(x) @ hidden, 0)


def _with_ones(x: Floats) -> Floats:
    return np.hstack([x, np.ones((len(x), 1), x.dtype)])


def _write(path: Path, hidden: Float32s, outer: Float32s) -> Path:
    """Save the network: Gemm, Relu, Gemm."""
    weights = {"w1": hidden[:-1], "b1": hidden[-1], "w2": outer[:-1], "b2": outer[-1]}
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["x", "w1", "b1"], ["h"]),
            helper.make_node("Relu", ["h"], ["r"]),
            helper.make_node("Gemm", ["r", "w2", "b2"], ["z"]),
        ],
        "points",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", FEATURES])],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["n", CLASSES])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path
