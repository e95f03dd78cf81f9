import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch

from dynanoise_export.errors import FormatError, UntrustedCodeError
from dynanoise_export.types import TensorSpec
from dynanoise_models.checkpoint_source import FORMAT, is_checkpoint
from dynanoise_models.checkpoints import save_checkpoint
from dynanoise_models.targets import TARGETS
from support.exports import assert_algorithm_1, defended, floats, module_logits, refusal
from support.hostile import Payload
from support.modules import seeded

# The encoders in a size that suits a test.
SMALLER = {
    "distilbert-sst2": {"config": {"dim": 16, "hidden_dim": 32, "n_layers": 1, "n_heads": 2, "vocab_size": 60}},
    "minilm-sst2": {"config": {"hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 1, "vocab_size": 60}},
}


def sentences(generator, rows):
    """Draw rows of tokens, all of the same length of at most 9."""
    shape = (rows, generator.integers(2, 10))
    return {"input_ids": generator.integers(0, 60, shape), "attention_mask": np.ones(shape, np.int64)}


def save(path, target, **arguments):
    module = seeded(TARGETS[target].make, **arguments)
    save_checkpoint(path, target, arguments, module)
    return module


@pytest.mark.parametrize(("seed", "target"), [*enumerate(sorted(TARGETS))])
def test_a_checkpoint_needs_only_its_file(tmp_path, seed, target):
    module, known = save(tmp_path / "model.pt", target, **SMALLER.get(target, {})), TARGETS[target]
    made = defended(tmp_path / "model.pt", tmp_path, seed)
    assert made.exported.source.classes == known.classes
    if known.encoder is None:
        drawn, logits_of = floats(**{spec.name: spec.shape[1:] for spec in known.inputs}), module_logits(module)
    else:
        drawn, logits_of = sentences, module_logits(module, "logits")
    assert_algorithm_1(made, logits_of, drawn, batches=(1, 32))


def test_a_checkpoint_states_the_arguments_of_its_network(tmp_path):
    module = save(tmp_path / "model.pt", "digits-mlp", hidden=[16], classes=3)
    made = defended(tmp_path / "model.pt", tmp_path)
    assert made.exported.source.classes == 3
    assert_algorithm_1(made, module_logits(module), floats(input=(64,)))


def test_an_input_of_another_size_can_be_given(tmp_path):
    module = save(tmp_path / "model.pt", "digits-mlp", inputs=20)
    made = defended(tmp_path / "model.pt", tmp_path, inputs=(TensorSpec("input", "float32", ("batch", 20)),))
    assert_algorithm_1(made, module_logits(module), floats(input=(20,)))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"target": "vgg"}, "'vgg'"),
        ({"target": ["digits-mlp"]}, "['digits-mlp']"),
        ({"arguments": {"depth": 3}}, "depth"),
        ({"arguments": {"hidden": -1}}, "digits-mlp"),
        ({"arguments": None}, "digits-mlp"),
        ({"arguments": {"classes": 4}}, "torch.Size([4])"),
        ({"state_dict": {}}, "nothing"),
        ({"state_dict": 5}, "digits-mlp"),
        ({"state_dict": {"0.weight": torch.zeros(3)}}, "0.weight"),
        ({"format": ["dynanoise-models/checkpoint/1"]}, FORMAT),
    ],
)
def test_a_damaged_checkpoint_is_refused(tmp_path, change, named):
    (folder := tmp_path / "out").mkdir()
    save(tmp_path / "model.pt", "digits-mlp")
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    torch.save(content | change, tmp_path / "model.pt")
    assert named in refusal(tmp_path / "model.pt", folder, FormatError)


@pytest.mark.parametrize("part", ["target", "arguments", "state_dict"])
def test_a_checkpoint_with_a_part_missing_is_refused(tmp_path, part):
    (folder := tmp_path / "out").mkdir()
    save(tmp_path / "model.pt", "digits-mlp")
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    del content[part]
    torch.save(content, tmp_path / "model.pt")
    refusal(tmp_path / "model.pt", folder, FormatError)


@pytest.mark.parametrize("allow_pickle", [False, True])
def test_code_in_a_checkpoint_is_refused_and_never_run(tmp_path, allow_pickle):
    (folder := tmp_path / "out").mkdir()
    save(tmp_path / "model.pt", "digits-mlp")
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    torch.save(content | {"training": Payload(tmp_path / "payload")}, tmp_path / "model.pt")
    refusal(tmp_path / "model.pt", folder, UntrustedCodeError, allow_pickle=allow_pickle)
    assert not (tmp_path / "payload").exists()


def test_only_a_checkpoint_is_recognised(tmp_path):
    save(tmp_path / "model.pt", "digits-mlp")
    assert is_checkpoint(tmp_path / "model.pt")
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    for name, other in {
        "weights.pt": content["state_dict"],
        "nested.pt": content | {"format": "of somebody else"},
        "text.pt": "some text",
    }.items():
        torch.save(other, tmp_path / name)
        assert not is_checkpoint(tmp_path / name)
    (tmp_path / "cut.pt").write_bytes((tmp_path / "model.pt").read_bytes()[:-100])
    (tmp_path / "text.txt").write_text(FORMAT)
    for name in ("cut.pt", "text.txt", "missing.pt", "."):
        assert not is_checkpoint(tmp_path / name)


def test_a_checkpoint_is_recognised_without_pytorch_and_without_reading_all_of_it(tmp_path):
    save(tmp_path / "model.pt", "digits-mlp")
    with zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb/data.pkl", bytes(1 << 28))
    script = """
import sys, tracemalloc
from pathlib import Path
from dynanoise_models.checkpoint_source import is_checkpoint
tracemalloc.start()
assert is_checkpoint(Path(sys.argv[1])) and not is_checkpoint(Path(sys.argv[2]))
assert tracemalloc.get_traced_memory()[1] < 1 << 24
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script, tmp_path / "model.pt", tmp_path / "bomb.pt"], check=True)
