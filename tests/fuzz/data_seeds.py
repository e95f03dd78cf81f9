"""The data, the settings and the answers of servers that the fuzzing starts from, made anew for each run.

Each function writes its seeds as folders within one folder: the files of a seed are mutated together.
"""

import json
from pathlib import Path

import numpy as np
import onnx_ir as ir
import torch

from dynanoise_export.attacks.asking.response_cache import ResponseCache
from dynanoise_export.attacks.responses import Responses
from dynanoise_export.bundles import Part, bundle_sha256, save_bundle
from dynanoise_export.exporting import export
from dynanoise_export.graph.provenance import entries_of, read_provenance
from dynanoise_export.noise.keyed.key import KeyFile
from dynanoise_models.training.resuming import State
from fuzz.model_seeds import CLASSES, FEATURES, KEY, MLP, TARGET, net, new, numbers
from support.audits import save_store
from support.graphs import parse

ROWS, SHADOWS = 60, 4
# Of a training, whose state is restored.
IDENTITY = "a training"


def rows() -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Draw inputs, labels and parts of a bundle."""
    generator = np.random.default_rng(0)
    x = generator.standard_normal((ROWS, FEATURES)).astype(np.float32)
    return {"x": x}, np.arange(ROWS) % CLASSES, np.array([*Part] * (ROWS // len(Part)))


def bundles(folder: Path) -> None:
    """Write a bundle as a file and as a folder."""
    save_bundle(new(folder, "file") / "bundle.npz", *rows())
    save_bundle(new(folder, "folder") / "bundle", *rows())


def examples(folder: Path) -> None:
    """Write example rows."""
    np.savez(new(folder, "plain") / "rows.npz", x=rows()[0]["x"])
    save_bundle(new(folder, "bundle") / "rows.npz", *rows())


def write_store(path: Path, bundle: Path) -> None:
    """Write a store of shadow models for a bundle."""
    generator = np.random.default_rng(1)
    logits = generator.standard_normal((SHADOWS, ROWS, CLASSES)).astype(np.float32)
    save_store(path, logits, np.arange(SHADOWS)[:, None] % 2 == np.arange(ROWS) % 2, bundle_sha256(bundle))


def common_files(folder: Path) -> None:
    """Write what several targets use as it is: a plain and a defended model, a bundle and a store."""
    folder.mkdir()
    ir.save(parse(MLP % numbers(24)), folder / "plain.onnx")
    export(folder / "plain.onnx", folder / "defended.onnx")
    save_bundle(folder / "bundle.npz", *rows())
    write_store(folder / "store", folder / "bundle.npz")
    settings = folder / "settings" / "dynanoise-export"
    settings.mkdir(parents=True)
    (settings / "answers.key").write_bytes(KEY.secret)  # the same in every run
    (settings / "answers.key").chmod(0o600)


def stores(folder: Path) -> None:
    """Write a finished store, and one that still grows: a part of it waits to be moved in."""
    common = folder.parent / "common"
    write_store(new(folder, "finished") / "store", common / "bundle.npz")
    growing = new(folder, "growing") / "store"
    write_store(growing, common / "bundle.npz")
    record = json.loads((growing / "store.json").read_text())
    plan = {"target": TARGET, "rows": ROWS, "classes": CLASSES, "seed": 0, "settings": {}, "started_from": None}
    (growing / "store.json").write_text(json.dumps(record | plan | {"models": {"0": {}, "1": {}}}))
    (growing / "parts").mkdir()
    logits = np.zeros((2, ROWS, CLASSES), np.float32)
    np.savez(growing / "parts" / "0002.npz", models=np.array([2, 3]), logits=logits, records=np.array("[{}, {}]"))


def manifests(folder: Path) -> None:
    """Write a plan's manifest, beside a file in place of the plan."""
    provenance = read_provenance(ir.load(folder.parent / "common" / "defended.onnx"))
    here = new(folder, "rtx")
    (here / "model.plan").write_bytes(b"a plan")
    document = {
        "schema": "dynanoise-export/plan/2", "backend": "tensorrt-rtx", "version": "1.7.0.0",
        "compute_capabilities": ["8.9"], "version_compatible": False, "hardware_compatibility": "NONE",
        "plan_sha256": "0" * 64, "read_back": False, "profiles": {"x": [[1, 6], [8, 6], [64, 6]]}, "precision": "fp32",
        "constant_seeds": None, "build_seconds": 1.5, "source": "defended.onnx", "source_sha256": "0" * 64,
        "inputs": [{"name": "x", "dtype": "float32", "shape": ["N", 6]}],
        "noise_input": {"name": "noise", "dtype": "float32", "shape": ["N", 4]}, "answers": "probabilities",
        "classes": 4, "versions": {"onnx": "1.20"}, "provenance": provenance and entries_of(provenance),
    }  # fmt: skip
    (here / "model.plan.json").write_text(json.dumps(document))


def server_answers(folder: Path) -> None:
    """Write what a server answers: with the config of Triton, and without."""
    provenance = read_provenance(ir.load(folder.parent / "common" / "defended.onnx"))
    parameters = {name: {"string_value": text} for name, text in entries_of(provenance).items()} if provenance else {}
    model = {
        "name": "m", "versions": ["1"], "platform": "onnxruntime_onnx",
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, FEATURES]}],
        "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, CLASSES]}],
    }  # fmt: skip
    infer = {
        "model_name": "m", "model_version": "1",
        "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [3, 4], "data": [0.25] * 12}],
    }  # fmt: skip
    config = {"name": "m", "backend": "onnxruntime", "max_batch_size": 0, "parameters": parameters}
    for name, extensions in (("triton", ["binary_tensor_data"]), ("other", [])):
        here = new(folder, name)
        answers = {
            "server": {"name": "s", "version": "2", "extensions": extensions},
            "model": model,
            "infer": infer,
            "config": config,
            "index": [{"name": "m", "version": "1", "state": "READY"}],
            "ready": {},
            "live": {},
        }
        for answer, document in answers.items():
            if name == "triton" or answer != "config":
                (here / f"{answer}.json").write_text(json.dumps(document))


def keys(folder: Path) -> None:
    """Write a key."""
    KeyFile(new(folder, "key") / "key", KEY, new=True).save()


def training() -> tuple[dict[str, object], list[np.random.Generator]]:
    """Make what the state of a training restores."""
    module = net()
    return {"module": module, "optimiser": torch.optim.Adam(module.parameters())}, [np.random.default_rng(0)]


def training_states(folder: Path) -> None:
    """Write the state of a training."""
    parts, orders = training()
    torch.manual_seed(0)
    State(new(folder, "state") / "state", IDENTITY).save(parts, orders, torch.device("cpu"), 3)


def caches(folder: Path) -> None:
    """Write the cached answers of an attack."""
    log_p = np.log(np.full((ROWS, CLASSES), 1 / CLASSES, np.float32))
    counts = np.ones(ROWS, np.int32)
    answers = Responses(log_p, np.zeros(ROWS, np.float32), counts, 1)
    ResponseCache(new(folder, "cache"), "model", "bundle").save("stage", answers)


def labels(folder: Path) -> None:
    """Write the names of the classes, for Triton."""
    (new(folder, "labels") / "labels.txt").write_text("one\ntwo\nthree\nfour\n")
