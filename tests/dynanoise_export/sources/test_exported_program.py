import numpy as np
import pytest
import torch
from torch.export import Dim

from dynanoise_export.errors import ModelInputError, UnsupportedModelError, UsageError
from dynanoise_export.sources.open_source import open_source
from dynanoise_export.types import TensorSpec
from support.exports import assert_algorithm_1, defended, floats, module_logits, refusal
from support.modules import InDictionary, InTuple, PerRow, Small, seeded


def save(module, path, *example, dynamic=True, **named):
    axes = [{0: Dim("rows")} if dynamic else None for _ in (*example, *named)]
    shapes = dict(zip(named, axes, strict=True)) if named else tuple(axes)
    torch.export.save(torch.export.export(module, example, named, dynamic_shapes=shapes), path)
    return module


@pytest.mark.parametrize("seed", range(3))
def test_a_program_needs_only_its_file(tmp_path, seed):
    module = save(seeded(Small), tmp_path / "model.pt2", torch.randn(2, 3, 8, 8))
    made = defended(tmp_path / "model.pt2", tmp_path, seed)
    assert made.exported.source.inputs == (TensorSpec("image", "float32", ("batch", 3, 8, 8)),)
    assert_algorithm_1(made, module_logits(module), floats(image=(3, 8, 8)))


def test_the_batch_axis_is_called_batch_whatever_its_name_in_the_program(tmp_path):
    save(seeded(Small), tmp_path / "model.pt2", torch.randn(2, 3, 8, 8))
    made = defended(tmp_path / "model.pt2", tmp_path)
    assert made.shapes() == {"image": ["batch", 3, 8, 8], "noise": ["batch", 5]}
    assert made.session.get_outputs()[0].shape == ["batch", 5]


def test_axes_beyond_the_batch_are_named_after_their_input(tmp_path):
    class Pooled(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(6, 4)

        def forward(self, x):
            return self.linear(torch.cat([x, x], dim=1)).mean(dim=1)

    module, rows = seeded(Pooled), Dim("rows")
    program = torch.export.export(module, (torch.randn(2, 5, 6),), dynamic_shapes=({0: rows, 1: Dim("n")},))
    torch.export.save(program, tmp_path / "model.pt2")
    made = defended(tmp_path / "model.pt2", tmp_path)
    assert made.shapes() == {"x": ["batch", "x_axis_1", 6], "noise": ["batch", 4]}
    for length in (2, 9):
        assert_algorithm_1(made, module_logits(module), floats(x=(length, 6)))


@pytest.mark.parametrize(
    ("make", "logits", "dropped", "given"),
    [(InTuple, 1, "output_0", {"logits": "output_1"}), (InDictionary, "logits", "hidden", {})],
)
def test_only_the_logits_of_several_outputs_stay(tmp_path, make, logits, dropped, given):
    module = save(seeded(make), tmp_path / "model.pt2", torch.randn(2, 6), torch.randn(2, 6))
    made = defended(tmp_path / "model.pt2", tmp_path, **given)
    assert made.exported.dropped == (dropped,)
    assert_algorithm_1(made, module_logits(module, logits), floats(x=(6,), y=(6,)))


def test_several_outputs_that_could_be_the_logits_are_named(tmp_path):
    (folder := tmp_path / "out").mkdir()
    save(seeded(InTuple), tmp_path / "model.pt2", torch.randn(2, 6), torch.randn(2, 6))
    sentence = refusal(tmp_path / "model.pt2", folder, UsageError)
    assert "output_0 [batch, 8], output_1 [batch, 4]" in sentence
    assert "--logits" in sentence


def test_inputs_given_by_name_keep_their_names(tmp_path):
    module = save(seeded(InDictionary), tmp_path / "model.pt2", y=torch.randn(2, 6), x=torch.randn(2, 6))
    made = defended(tmp_path / "model.pt2", tmp_path)
    inputs_of = floats(x=(6,), y=(6,))
    assert set(made.shapes()) == {"x", "y", "noise"}
    assert_algorithm_1(made, lambda inputs: module_logits(module, "logits")({n: inputs[n] for n in "xy"}), inputs_of)


@pytest.mark.parametrize("make", [Small, PerRow])
def test_a_static_batch_stays_static(tmp_path, make):
    shape = (3, 8, 8) if make is Small else (6,)
    module = save(seeded(make), tmp_path / "model.pt2", torch.randn(4, *shape), dynamic=False)
    made = defended(tmp_path / "model.pt2", tmp_path)
    (name, seen), noise = list(made.shapes().items())
    assert seen == [4, *shape]
    assert noise[1][0] == 4
    assert_algorithm_1(made, module_logits(module), floats(**{name: shape}), batches=(4,))


def test_a_model_of_transformers_returns_its_own_type_of_output(tmp_path):
    transformers = pytest.importorskip("transformers")
    config = transformers.DistilBertConfig(
        dim=16, hidden_dim=32, n_layers=1, n_heads=2, vocab_size=50, max_position_embeddings=32, num_labels=3
    )
    module = seeded(transformers.DistilBertForSequenceClassification, config)
    axes = {0: Dim("rows"), 1: Dim("words", min=2, max=32)}
    # Two tensors: from one for both, PyTorch would conclude that the two inputs are the same.
    words = {name: torch.ones(2, 8, dtype=torch.long) for name in ("input_ids", "attention_mask")}
    program = torch.export.export(module, (), words, dynamic_shapes=dict.fromkeys(words, axes))
    torch.export.save(program, tmp_path / "model.pt2")

    def sentences(generator, rows, length=5):
        ids = generator.integers(0, 50, (rows, length))
        return {"input_ids": ids, "attention_mask": (np.arange(length) < 4) * np.ones_like(ids)}

    made = defended(tmp_path / "model.pt2", tmp_path)
    assert_algorithm_1(
        made,
        lambda inputs: module(**{n: torch.from_numpy(v) for n, v in inputs.items()}).logits.detach().numpy(),
        sentences,
    )


def test_a_program_without_its_example_is_refused(tmp_path):
    (folder := tmp_path / "out").mkdir()
    program = torch.export.export(seeded(Small), (torch.randn(2, 3, 8, 8),))
    program.example_inputs = None
    torch.export.save(program, tmp_path / "model.pt2")
    refusal(tmp_path / "model.pt2", folder, ModelInputError)


def test_inputs_that_are_not_plain_tensors_are_refused(tmp_path):
    class Listed(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(6, 4)

        def forward(self, rows):
            return self.linear(rows[0])

    (folder := tmp_path / "out").mkdir()
    torch.export.save(torch.export.export(seeded(Listed), ([torch.randn(2, 6)],)), tmp_path / "model.pt2")
    refusal(tmp_path / "model.pt2", folder, UnsupportedModelError)


@pytest.mark.parametrize("opset", [18, 21])
def test_the_opset_is_the_requested_one(tmp_path, opset):
    save(seeded(Small), tmp_path / "model.pt2", torch.randn(2, 3, 8, 8))
    assert open_source(tmp_path / "model.pt2").to_onnx(opset).opset_imports[""] == opset


def test_an_opset_that_the_exporter_can_not_reach_is_refused(tmp_path):
    save(seeded(Small), tmp_path / "model.pt2", torch.randn(2, 3, 8, 8))
    source = open_source(tmp_path / "model.pt2")
    with pytest.raises(UsageError, match=r"model\.pt2"):
        source.to_onnx(13)
    with pytest.raises(UnsupportedModelError, match=r"model\.pt2"):
        source.to_onnx(99)
