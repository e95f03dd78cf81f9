"""The loaders that are fuzzed: for each the seeds, how they are mutated, and what opens the result."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

import torch

from dynanoise_export.attacks.asking.response_cache import ResponseCache
from dynanoise_export.bundles import load_bundle
from dynanoise_export.deployed.manifest import read_manifest
from dynanoise_export.deployed.open_deployed import open_deployed
from dynanoise_export.deployment.triton.labels import chosen_labels
from dynanoise_export.inspecting import inspect
from dynanoise_export.noise.keyed.key import key_for
from dynanoise_export.shadow_stores import load_shadow_store
from dynanoise_export.sources.inputs import read_example
from dynanoise_export.sources.open_source import open_source
from dynanoise_export.sources.source_model import SourceOptions
from dynanoise_models.shadows.store import GrowingStore, StorePlan
from dynanoise_models.starting import find_start
from dynanoise_models.training.resuming import State
from fuzz import data_seeds, model_seeds
from fuzz.json_mutations import mutate_json, mutate_safetensors
from fuzz.model_seeds import CLASSES, FEATURES, SPEC, TARGET
from fuzz.mutations import (
    Files,
    mutate_bytes,
    mutate_folder,
    mutate_npy,
    mutate_pickle,
    mutate_text,
    mutate_zip,
)
from fuzz.protobufs import mutate_onnx
from fuzz.server import ask

ARCH = "fuzz.model_seeds:Net"
INPUTS = ["--input", f"x:batch,{FEATURES}"]
WITH_ARCH = ["--arch", ARCH, *INPUTS]
HOSTILE_LINES = [
    'torch.save(x, "canary")', 'ops.aten.save(x, "canary")', "f = torch.save", 'print("ok")', "ops.aten.warn('x')",
    "while True:\n      pass", "return None", "x = torch.zeros([1000000, 1000000])", 'y = torch.from_file("/etc/x")',
    "raise Exception('x')", "x = ops.inductor._reinterpret_tensor(x, [99], [9999999], 9)", "import os", "return self",
    "x = torch.as_strided(x, [9], [99999])", "x = torch.reshape(x, [-1])", "return x[0]", "annotate(List[int], [])",
]  # fmt: skip


@dataclass(frozen=True)
class Case:
    """Where an input lies, and what goes with it.

    Attributes:
        files: the folder of the input.
        common: the folder of the files that several targets use, which are intact.
        out: an empty folder, for what a command writes.
    """

    files: Path
    common: Path
    out: Path


Command = Callable[[Case], list[object]]


@dataclass(frozen=True)
class Target:
    """A loader.

    Attributes:
        seeds: writes the files to start from.
        mutate: changes the files of a seed.
        open: opens an input through the library, as far as the library reads it.
        share: how many inputs `make test` tries.
        weight: of its time in `make fuzz`.
        commands: the arguments of `dynanoise-export` that use an input, for a sample of the inputs in turn; empty if
            there is no fast command.
    """

    seeds: Callable[[Path], None]
    mutate: Callable[[Random, Files], Files]
    open: Callable[[Case], object]
    share: int
    weight: int
    commands: tuple[Command, ...] = ()


PICKLED = {".pkl": mutate_pickle, ".json": mutate_json}
ARCHIVE = mutate_zip(PICKLED)
CODE = mutate_zip({".py": mutate_text(HOSTILE_LINES), **PICKLED})
ARRAYS = mutate_zip({".npy": mutate_npy})


def _open_source(name: str, options: SourceOptions, case: Case) -> object:
    return open_source(case.files / name, options)


def _export(name: str, options: list[str], case: Case) -> list[object]:
    return ["export", case.files / name, "-o", case.out / "out.onnx", *options]


def _source(name: str, *options: str, **said: object) -> dict[str, object]:
    """Open a model through the library or the command `export`, with the same options."""
    return {
        "open": partial(_open_source, name, SourceOptions(**said)),
        "commands": (partial(_export, name, list(options)),),
    }


def _open_defended(case: Case) -> object:
    path = case.files / "model.onnx"
    return inspect(path), open_deployed(path)


def _inspect(case: Case) -> list[object]:
    return ["inspect", case.files / "model.onnx"]


def _validate(case: Case) -> list[object]:
    return ["validate", case.files / "model.onnx", "--reference", case.common / "plain.onnx"]


def _triton(case: Case) -> list[object]:
    return ["triton", case.files / "model.onnx", "--repository", case.out / "models"]


def _attack_model(case: Case) -> list[object]:
    return ["attack", case.files / "model.onnx", "--data", case.common / "bundle.npz", "--queries", 1]


def _bundle(case: Case) -> Path:
    return next((path for path in case.files.iterdir() if path.name.startswith("bundle")), case.files / "bundle.npz")


def _open_bundle(case: Case) -> object:
    bundle = load_bundle(_bundle(case), ["x"])
    shapes = {array.shape for array in (bundle.y, bundle.member, bundle.split) if array is not None}
    assert shapes <= {(len(bundle),)}, shapes
    return bundle


def _open_example(case: Case) -> object:
    path = case.files / "rows.npz"
    return read_example(path), open_source(case.common / "plain.onnx", SourceOptions(example=path))


def _open_store(case: Case) -> object:
    path = case.files / "store"
    plan = StorePlan({"target": TARGET, "settings": {}}, "", rows=data_seeds.ROWS, seed=0, classes=CLASSES)
    if (path / "parts").exists():
        return GrowingStore(path, plan, data_seeds.SHADOWS)
    store = load_shadow_store(path)
    assert store.logits.dtype.kind == "f", store.logits.dtype
    assert store.logits.ndim == store.kept.ndim + 1 == 3, store.logits.shape
    return store


def _restore_training(case: Case) -> object:
    parts, orders = data_seeds.training()
    return State(case.files / "state", data_seeds.IDENTITY).load(parts, orders, torch.device("cpu"))


def _attack_with_bundle(case: Case) -> list[object]:
    return ["attack", case.common / "defended.onnx", "--data", _bundle(case), "--queries", 1]


def _attack_with_store(case: Case) -> list[object]:
    data = ["--data", case.common / "bundle.npz", "--shadows", case.files / "store"]
    return ["attack", case.common / "defended.onnx", *data, "--queries", 1]


def _export_with_example(case: Case) -> list[object]:
    rows = case.files / "rows.npz"
    return ["export", case.common / "plain.onnx", "-o", case.out / "out.onnx", "--example", rows]


def _open_plan(case: Case) -> object:
    path = case.files / "model.plan"
    return read_manifest(path), open_deployed(path)


def _validate_plan(case: Case) -> list[object]:
    return ["validate", case.files / "model.plan", "--reference", case.common / "plain.onnx"]


MODELS = {
    "onnx": Target(
        model_seeds.onnx_sources, mutate_folder({".onnx": mutate_onnx}),
        **_source("model.onnx"), share=120, weight=10,
    ),
    "defended": Target(
        model_seeds.defended, mutate_folder({".onnx": mutate_onnx}),
        _open_defended, commands=(_inspect, _validate, _triton, _attack_model), share=50, weight=8,
    ),
    "torchscript": Target(
        model_seeds.torchscript, mutate_folder({".ts": CODE}),
        **_source("model.ts", *INPUTS, inputs=(SPEC,)), share=10, weight=12,
    ),
    "pt2": Target(
        model_seeds.exported_programs, mutate_folder({".pt2": CODE}),
        **_source("model.pt2"), share=20, weight=10,
    ),
    "torch-save": Target(
        model_seeds.torch_saves, mutate_folder({".pt": ARCHIVE}),
        **_source("model.pt", *WITH_ARCH, arch=ARCH, inputs=(SPEC,)), share=60, weight=6,
    ),
    "safetensors": Target(
        model_seeds.safetensors, mutate_folder({".safetensors": mutate_safetensors}),
        **_source("model.safetensors", *WITH_ARCH, arch=ARCH, inputs=(SPEC,)), share=40, weight=2,
    ),
    "hugging-face": Target(
        model_seeds.hugging_face,
        mutate_folder({".json": mutate_json, ".safetensors": mutate_safetensors, ".bin": ARCHIVE}),
        **_source(""), share=25, weight=10,
    ),
    "checkpoint": Target(
        model_seeds.checkpoints, mutate_folder({".pt": ARCHIVE}),
        **_source("model.pt"), share=40, weight=4,
    ),
}  # fmt: skip
DATA = {
    "training": Target(
        data_seeds.training_states, mutate_folder({"state": ARCHIVE}),
        _restore_training, share=150, weight=2,
    ),
    "start-from": Target(
        model_seeds.first_weights, mutate_folder({".pt": ARCHIVE}),
        lambda case: find_start(TARGET, str(case.files / "model.pt")).make_module(0), share=200, weight=1,
    ),
    "start-from-folder": Target(
        model_seeds.encoders, mutate_folder({".json": mutate_json, ".safetensors": mutate_safetensors}),
        lambda case: find_start("distilbert-sst2", str(case.files)), share=50, weight=3,
    ),
    "bundle": Target(
        data_seeds.bundles, mutate_folder({".npz": ARRAYS, ".npy": mutate_npy}),
        _open_bundle, commands=(_attack_with_bundle,), share=250, weight=4,
    ),
    "example": Target(
        data_seeds.examples, mutate_folder({".npz": ARRAYS}),
        _open_example, commands=(_export_with_example,), share=120, weight=3,
    ),
    "store": Target(
        data_seeds.stores, mutate_folder({".npz": ARRAYS, ".npy": mutate_npy, ".json": mutate_json}),
        _open_store, commands=(_attack_with_store,), share=200, weight=4,
    ),
    "cache": Target(
        data_seeds.caches, mutate_folder({".npz": ARRAYS}),
        lambda case: ResponseCache(case.files, "model", "bundle").load("stage"), share=200, weight=1,
    ),
    "manifest": Target(
        data_seeds.manifests, mutate_folder({".json": mutate_json}),
        _open_plan, commands=(_validate_plan,), share=300, weight=2,
    ),
    "server": Target(
        data_seeds.server_answers, mutate_folder({".json": mutate_json}),
        ask, share=150, weight=4,
    ),
    "key": Target(
        data_seeds.keys, mutate_folder({"key": mutate_bytes}),
        lambda case: key_for(case.files / "key"), share=200, weight=1,
    ),
    "labels": Target(
        data_seeds.labels, mutate_folder({".txt": mutate_bytes}),
        lambda case: chosen_labels(case.files / "labels.txt", (), CLASSES), share=200, weight=1,
    ),
}  # fmt: skip
TARGETS = MODELS | DATA


def make_input(name: str, seeds_folder: Path, number: int) -> Files:
    """Make the input of a number: a seed, mutated by a generator that begins with the number.

    Args:
        name: of the target.
        seeds_folder: where its seeds lie.
        number: of the input.
    """
    random = Random(f"{name} {number}")
    seed, other = (_read(random.choice(sorted(seeds_folder.iterdir()))) for _ in range(2))
    if random.random() < 0.03:  # one file that two readers take for different things
        seed = {path: content + other.get(path, b"") for path, content in seed.items()}
    return TARGETS[name].mutate(random, seed)


def _read(folder: Path) -> Files:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
