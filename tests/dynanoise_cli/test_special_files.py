"""Pipes, sockets, folders and links in the place of files: each command refuses them at once."""

import os
import socket
import time

import numpy as np
import pytest

from dynanoise_export.exporting import export

# Each place for a file or folder that is read. There are {model}, {plain} and {bundle}, and no {out} or {store} yet.
PLACES = {
    "export": ("{it}", "-o", "{out}"),
    "export --example": ("{plain}", "-o", "{out}", "--example", "{it}"),
    "inspect": ("inspect", "{it}"),
    "validate": ("validate", "{it}", "--reference", "{plain}"),
    "validate --reference": ("validate", "{model}", "--reference", "{it}"),
    "validate --data": ("validate", "{model}", "--reference", "{plain}", "--data", "{it}"),
    "attack": ("attack", "{it}", "--data", "{bundle}"),
    "attack --data": ("attack", "{model}", "--data", "{it}"),
    "attack --shadows": ("attack", "{model}", "--data", "{bundle}", "--shadows", "{it}"),
    "bench": ("bench", "{it}"),
    "triton": ("triton", "{it}", "--repository", "{out}"),
    "triton --labels": ("triton", "{model}", "--repository", "{out}", "--labels", "{it}"),
    "compile": ("compile", "{it}", "-o", "{out}"),
}
MODELS_PLACES = {
    "train --start-from": ("train", "digits-mlp", "-o", "{out}", "--start-from", "{it}"),
    "shadows --bundle": ("shadows", "digits-mlp", "-o", "{store}", "--count", "2", "--bundle", "{it}"),
    "shadows -o": ("shadows", "digits-mlp", "-o", "{it}", "--count", "2", "--bundle", "{bundle}"),
}
KINDS = ["pipe", "socket", "device", "folder", "circle", "nothing", "empty"]


@pytest.fixture(scope="module")
def honest(checkpoint, tmp_path_factory):
    folder = tmp_path_factory.mktemp("honest")
    export(checkpoint, folder / "model.onnx")
    x = np.random.default_rng(0).standard_normal((4, 64), dtype=np.float32)
    np.savez(folder / "bundle.npz", x=x, y=np.arange(4), member=np.arange(4) < 2)
    return {"model": folder / "model.onnx", "bundle": folder / "bundle.npz", "plain": checkpoint}


@pytest.fixture
def places(honest, tmp_path):
    return honest | {"out": tmp_path / "out", "store": tmp_path / "store"}


def made(path, kind):
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "socket":
            with socket.socket(socket.AF_UNIX) as bound:
                bound.bind(str(path))
        case "device":
            path.symlink_to("/dev/zero")
        case "folder":
            path.mkdir()
        case "circle":
            path.symlink_to(path)
        case "empty":
            path.touch()
    return path


def refused(program, arguments, places, kind, path):
    it = made(path, kind)
    start = time.monotonic()
    ended = program(*(argument.format(it=it, **places) for argument in arguments))
    assert time.monotonic() - start < 60
    assert (ended.status, len(ended.err.splitlines())) == (2, 1), ended.err
    assert str(it) in ended.err
    assert not places["out"].exists()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("arguments", PLACES.values(), ids=list(PLACES))
def test_each_place_for_a_file(program, places, tmp_path, arguments, kind):
    refused(program, arguments, places, kind, tmp_path / "it.onnx")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("suffix", [".pt", ".npz", ".safetensors", ".plan", ""])
def test_each_suffix_of_a_model(program, places, tmp_path, kind, suffix):
    refused(program, PLACES["export"], places, kind, tmp_path / f"it{suffix}")
    if suffix == ".plan":
        refused(program, PLACES["bench"], places, kind, tmp_path / "other.plan")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("arguments", MODELS_PLACES.values(), ids=list(MODELS_PLACES))
def test_each_place_of_the_other_program(models_program, places, tmp_path, arguments, kind):
    if arguments == MODELS_PLACES["shadows -o"] and kind in ("folder", "nothing"):
        pytest.skip("a new store")
    refused(models_program, arguments, places, kind, tmp_path / "it")
