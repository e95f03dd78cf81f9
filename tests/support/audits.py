"""Audits of a model whose inputs are its logits, so that all its answers are known beforehand."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from dynanoise_export.bundles import Part, bundle_sha256, save_bundle
from dynanoise_export.defences.base import Defence
from dynanoise_export.exporting import export
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.shadow_stores import KEPT, LOGITS, RECORD, SCHEMA


@dataclass(frozen=True)
class AuditFiles:
    """The files of an audit, and what is in them.

    Attributes:
        plain: the undefended model.
        defended: the defended model.
        bundle: the rows.
        store: the shadow models.
        logits: float32 [n, k], of the target.
        y: int64 [n].
        split: str [n].
    """

    plain: Path
    defended: Path
    bundle: Path
    store: Path
    logits: np.ndarray
    y: np.ndarray
    split: np.ndarray


def make_audit(
    folder: Path,
    rows: int = 600,
    classes: int = 5,
    shadows: int = 8,
    effect: float = 2.0,
    members: float = 0.5,
    defence: Defence | None = None,
    noise: NoiseSource | None = None,
) -> AuditFiles:
    """Make an audit: training on a row raises its label's logit by `effect`, in the target and in the shadow models."""
    generator = np.random.default_rng(0)
    folder.mkdir(exist_ok=True)
    graph = onnx.parser.parse_model(
        f'<ir_version: 10, opset_import: ["" : 18]> g (float[n, {classes}] x) => (float[n, {classes}] z) '
        "{ z = Identity (x) }"
    )
    onnx.save(graph, folder / "plain.onnx")
    export(folder / "plain.onnx", folder / "defended.onnx", defence=defence, noise=noise)
    y = generator.integers(0, classes, rows)
    trained_on = np.arange(shadows)[:, None] % 2 == generator.integers(0, 2, rows)
    member = generator.random(rows) < members
    auxiliary = np.arange(rows) % 10 == 0
    split = np.where(auxiliary, Part.AUXILIARY, np.where(member, Part.MEMBER, Part.NON_MEMBER)).astype(np.str_)
    hardness = generator.normal(1, 2, rows)
    logits = generator.normal(0, 1, (shadows + 1, rows, classes)).astype(np.float32)
    logits[:, np.arange(rows), y] += hardness + effect * np.vstack([trained_on, split == Part.MEMBER])
    save_bundle(folder / "bundle.npz", {"x": logits[-1]}, y, split)
    save_store(folder / "store", logits[:-1], trained_on, bundle_sha256(folder / "bundle.npz"))
    return AuditFiles(
        folder / "plain.onnx",
        folder / "defended.onnx",
        folder / "bundle.npz",
        folder / "store",
        logits[-1],
        y,
        split,
    )


def save_store(path: Path, logits: np.ndarray, trained_on: np.ndarray, bundle: str) -> None:
    """Write a shadow store of the bundle with this digest."""
    path.mkdir()
    np.save(path / LOGITS, logits)
    np.save(path / KEPT, trained_on)
    models = {str(model): {} for model in range(len(trained_on))}
    record = {"schema": SCHEMA, "bundle_sha256": bundle, "models": models, "count": len(trained_on)}
    (path / RECORD).write_text(json.dumps(record))


def shuffle_membership(bundle: Path, store: Path) -> None:
    """Call other rows of a bundle members than the target was trained on; its shadow store then fits it again."""
    with np.load(bundle) as file:
        arrays = dict(file)
    judged = np.flatnonzero(arrays["split"] != Part.AUXILIARY)
    order = np.random.default_rng(7).permutation(judged)
    for name in ("split", "member"):
        arrays[name][judged] = arrays[name][order]
    np.savez(bundle, **arrays)
    record = json.loads((store / RECORD).read_text())
    (store / RECORD).write_text(json.dumps(record | {"bundle_sha256": bundle_sha256(bundle)}))
