"""Hugging Face folders that were made to harm: settings of any type and size, and weights from elsewhere."""

import ast
import json
import os
import shutil
import socket
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from dynanoise_export.errors import FormatError, UntrustedCodeError, UserError
from dynanoise_export.sources.hugging_face.audio_inputs import audio_specs
from dynanoise_export.sources.network_size import OWN_NUMBERS, PARTS, require_filled
from dynanoise_export.sources.open_source import open_source
from support.source_code import PACKAGES

transformers = pytest.importorskip("transformers")

from support.folders import distilbert, save, vit  # noqa: E402

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("honest") / "model"
    save(distilbert(num_labels=3), folder)
    return folder


@pytest.fixture
def model(honest, tmp_path):
    return shutil.copytree(honest, tmp_path / "model")


def configure(folder, **settings):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | settings))


def refused(folder, kind=UserError):
    start = time.monotonic()
    with pytest.raises(kind, match=str(folder)):
        open_source(folder)
    assert time.monotonic() - start < 20


CONFIGS = [
    "[" * 100_000, "", "[]", "null", "\ud800", '{"architectures": {"a": 1}}', '{"architectures": [["a"]]}',
    '{"architectures": "DistilBertForSequenceClassification"}', '{"architectures": [], "model_type": []}',
]  # fmt: skip


@pytest.mark.parametrize("text", CONFIGS, ids=range(len(CONFIGS)))
def test_a_config_of_another_form_is_refused(model, text):
    (model / "config.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    refused(model)


@pytest.mark.parametrize(
    "settings",
    [
        {"dim": 10**7, "hidden_dim": 10**8},
        {"dim": 10**30},
        {"n_layers": 10**7},
        {"dim": -16},
        {"dim": "16"},
        {"dim": 1e400},
        {"dim": float("nan")},
        {"vocab_size": 10**8},
        {"max_position_embeddings": 10**8},
        {"num_labels": 10**7},
        {"n_heads": 0},
        {"id2label": {"0": "a", "1": ["b"], "x": {}}},
        {"pad_token_id": "none"},
    ],
    ids=str,
)
def test_sizes_beyond_the_weights_are_refused_before_memory_is_taken(model, settings):
    configure(model, **settings)
    refused(model)


def test_a_network_is_counted_before_it_takes_memory(tmp_path):
    require_filled(tmp_path, lambda: torch.nn.Linear(1000, 1000), 0)
    with pytest.raises(FormatError, match=str(tmp_path)):
        require_filled(tmp_path, lambda: torch.nn.Linear(1 << 20, 1 << 20), 1 << 20)
    require_filled(tmp_path, lambda: torch.nn.Linear(1 << 20, 1 << 10), 1 << 30)
    with pytest.raises(FormatError):
        require_filled(tmp_path, lambda: torch.nn.BatchNorm1d(OWN_NUMBERS), 0)
    with pytest.raises(FormatError):
        require_filled(tmp_path, lambda: torch.nn.ModuleList(torch.nn.Identity() for _ in range(PARTS + 1)), 0)
    torch.nn.ModuleList(torch.nn.Identity() for _ in range(2))  # what is made later is not counted


def sharded(folder, name):
    """Put the weights of a folder into a shard of a name, which the index gives."""
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    shard = folder / name
    shard.parent.mkdir(exist_ok=True)
    save_file(weights, shard, {"format": "pt"})
    index = {"metadata": {"total_size": 1}, "weight_map": dict.fromkeys(weights, name)}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def test_a_shard_in_the_folder_is_opened(model):
    sharded(model, "model-00001-of-00001.safetensors")
    assert open_source(model).classes == 3


@pytest.mark.parametrize("name", ["../other.safetensors", "./inner/other.safetensors", "/tmp/no.safetensors"])
def test_a_shard_outside_the_folder_is_refused(model, tmp_path, name):
    if name.startswith("/"):
        name = str(tmp_path / "other.safetensors")
    sharded(model, name)
    (model / "model-00001-of-00001.safetensors").write_bytes(b"")
    refused(model, UntrustedCodeError)


@pytest.mark.parametrize("index", ["{}", "[]", '{"weight_map": []}', '{"weight_map": {"a": 1}}', "[" * 100_000])
def test_an_index_of_another_form_is_refused(model, index):
    (model / "model.safetensors.index.json").write_text(index)
    refused(model)


def test_a_setting_that_names_weights_elsewhere_is_refused(model):
    configure(model, transformers_weights="../other.safetensors")
    refused(model, UntrustedCodeError)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_link_out_of_the_folder_is_refused(model, tmp_path, name):
    (model / name).rename(tmp_path / name)
    (model / name).symlink_to(tmp_path / name)
    refused(model, UntrustedCodeError)


def test_links_into_the_cache_of_the_hub_are_followed(honest, tmp_path):
    blobs, snapshot = tmp_path / "models--a--b" / "blobs", tmp_path / "models--a--b" / "snapshots" / "1234"
    blobs.mkdir(parents=True)
    snapshot.mkdir(parents=True)
    for file in honest.iterdir():
        shutil.copy(file, blobs / f"{file.name}-hash")
        (snapshot / file.name).symlink_to(Path("../../blobs") / f"{file.name}-hash")
    assert open_source(snapshot).classes == 3
    (tmp_path / "link").symlink_to(snapshot)
    assert open_source(tmp_path / "link").classes == 3


def special(path, kind):
    path.unlink()
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "socket":
            with socket.socket(socket.AF_UNIX) as made:
                made.bind(str(path))
        case "circle":
            path.symlink_to(path)
        case "unreadable":
            path.symlink_to("/proc/1/mem")


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
@pytest.mark.parametrize("kind", ["pipe", "folder", "socket", "circle", "unreadable"])
def test_what_is_no_file_is_refused_at_once(model, name, kind):
    special(model / name, kind)
    refused(model)


@pytest.mark.parametrize(
    "processor",
    [{"size": 10**7}, {"size": 1e400}, {"size": {"height": 10**30, "width": 1}}, {"size": "large"}, {"size": [0, 0]},
     {"size": {"shortest_edge": -1}}, {"do_center_crop": True, "crop_size": {"height": [], "width": {}}}],
    ids=str,
)  # fmt: skip
def test_images_of_any_size_are_refused(tmp_path, processor):
    save(vit(num_labels=3), tmp_path / "model")
    (tmp_path / "model" / "preprocessor_config.json").write_text(json.dumps(processor))
    with pytest.raises(UserError):
        open_source(tmp_path / "model")


@pytest.mark.parametrize(
    "extractor",
    [{"sampling_rate": 10**8}, {"feature_size": 10**4, "n_fft": 10**4}, {"hop_length": 0}, {"feature_size": -1},
     {"chunk_length": 10**6}, {"n_fft": 10**6}, {"sampling_rate": "16000"}],
    ids=str,
)  # fmt: skip
def test_sound_of_any_size_is_refused(tmp_path, extractor):
    settings = {"feature_extractor_type": "WhisperFeatureExtractor"} | extractor
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings))
    with pytest.raises(UserError, match=str(tmp_path)):
        audio_specs(tmp_path, torch.nn.Identity())


def test_timm_opens_no_other_files(model):
    architecture = {"architectures": ["TimmWrapperForImageClassification"], "model_type": "timm_wrapper"}
    for settings in ({"architecture": "resnet18", "model_args": {"checkpoint_path": "/tmp/any.pth"}},
                     {"architecture": "local-dir:/tmp/any"}):  # fmt: skip
        (model / "config.json").write_text(json.dumps(architecture | settings))
        refused(model, UntrustedCodeError)


def test_no_code_of_a_model_is_run_anywhere_and_nothing_is_fetched_by_itself():
    """Each call of `from_pretrained` says so itself, or through the options that `text` gives to each of its calls."""
    calls = [
        (path, call)
        for folder in (*PACKAGES.values(), ROOT / "benchmarks")
        for path in sorted(folder.rglob("*.py"))
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "from_pretrained"
    ]
    assert len(calls) >= 5
    for path, call in calls:
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        if None in given:
            assert ast.unparse(given[None]) == "_safely(location)", path
        else:
            assert ast.unparse(given["trust_remote_code"]) == "False", path
            assert ast.unparse(given["local_files_only"]) == "True", path
