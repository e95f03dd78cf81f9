import numpy as np
import pytest
import torch

from dynanoise_export.sources.inputs import TensorSpec
from dynanoise_models.checkpoints import save_checkpoint
from dynanoise_models.targets import TARGETS
from support.exports import assert_algorithm_1, defended, floats, module_logits, refusal
from support.modules import seeded

# The encoders in a size that a test can make.
SMALLER = {
    "distilbert-sst2": {"config": {"dim": 16, "hidden_dim": 32, "n_layers": 1, "n_heads": 2, "vocab_size": 60}},
    "minilm-sst2": {"config": {"hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 1, "vocab_size": 60}},
}


def sentences(generator, rows):
    """Draw tokens of 9 words at most, the same number for all rows."""
    shape = (rows, generator.integers(2, 10))
    return {"input_ids": generator.integers(0, 60, shape), "attention_mask": np.ones(shape, np.int64)}


def save(path, target, **arguments):
    module = seeded(TARGETS[target].make, **arguments)
    save_checkpoint(path, target, arguments, module)
    return module


@pytest.mark.parametrize(("seed", "target"), [*enumerate(sorted(TARGETS))])
def test_a_checkpoint_needs_nothing_but_its_file(tmp_path, seed, target):
    module, record = save(tmp_path / "model.pt", target, **SMALLER.get(target, {})), TARGETS[target]
    made = defended(tmp_path / "model.pt", tmp_path, seed)
    assert made.exported.target.classes == record.classes
    if record.encoder is None:
        drawn, logits_of = floats(**{spec.name: spec.shape[1:] for spec in record.inputs}), module_logits(module)
    else:
        drawn, logits_of = sentences, module_logits(module, "logits")
    assert_algorithm_1(made, logits_of, drawn, batches=(1, 32))


def test_the_arguments_of_a_checkpoint_make_its_network(tmp_path):
    module = save(tmp_path / "model.pt", "digits-mlp", hidden=[16], classes=3)
    made = defended(tmp_path / "model.pt", tmp_path)
    assert made.exported.target.classes == 3
    assert_algorithm_1(made, module_logits(module), floats(input=(64,)))


def test_an_input_of_another_size_can_be_given(tmp_path):
    module = save(tmp_path / "model.pt", "digits-mlp", inputs=20)
    made = defended(tmp_path / "model.pt", tmp_path, inputs=(TensorSpec("input", "float32", ("batch", 20)),))
    assert_algorithm_1(made, module_logits(module), floats(input=(20,)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"target": "vgg"}, "'vgg'"),
        ({"target": ["digits-mlp"]}, "target ['digits-mlp']"),
        ({"arguments": {"depth": 3}}, "depth"),
        ({"arguments": {"hidden": -1}}, "damaged"),
        ({"arguments": None}, "damaged"),
        ({"arguments": {"classes": 4}}, "another module's"),
        ({"state_dict": {}}, "no state dict"),
        ({"state_dict": 5}, "damaged"),
        ({"state_dict": {"0.weight": torch.zeros(3)}}, "another module's"),
    ],
)
def test_a_damaged_checkpoint_is_refused(tmp_path, change, said):
    (folder := tmp_path / "out").mkdir()
    save(tmp_path / "model.pt", "digits-mlp")
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    torch.save(content | change, tmp_path / "model.pt")
    assert said in refusal(tmp_path / "model.pt", folder)


@pytest.mark.parametrize("part", ["target", "arguments", "state_dict"])
def test_a_checkpoint_with_a_part_missing_is_refused(tmp_path, part):
    (folder := tmp_path / "out").mkdir()
    save(tmp_path / "model.pt", "digits-mlp")
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    del content[part]
    torch.save(content, tmp_path / "model.pt")
    refusal(tmp_path / "model.pt", folder)
