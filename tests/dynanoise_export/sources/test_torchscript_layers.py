"""TorchScript of layers and outputs that PyTorch's exporter does not convert as they are."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from dynanoise_export.errors import UnsupportedModelError
from dynanoise_export.sources.open_source import open_source
from dynanoise_export.sources.source_model import SourceOptions
from dynanoise_export.types import TensorSpec
from support.attention_modules import (
    WIDTH,
    Attention,
    AttentionInDictionary,
    AttentionInTuple,
    CausalEncoder,
    Cells,
    Checking,
    Counting,
    CrossAttention,
    Encoder,
    EncoderDecoder,
    InFilledDictionary,
    InMixedTuple,
    InNamedTupleWithNone,
    LongShortCells,
    LongShortMemory,
    MaskedAttention,
    MaskedEncoder,
    Packed,
    Vision,
)
from support.exports import assert_algorithm_1, defended, floats, module_logits, refusal
from support.modules import seeded

# TorchScript is deprecated, but many trained models are stored in it.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.torch.jit.*is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*nested tensors:UserWarning"),
]

LENGTH = 5
SERIES = TensorSpec("x", "float32", ("batch", "length", WIDTH))
TABLE = TensorSpec("x", "float32", ("batch", 6))
MASK = TensorSpec("hidden", "bool", ("batch", "length"))


def save_traced(module, path, *example):
    """Trace as a user does, whose evaluation takes the fast path of PyTorch's layers."""
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.jit.trace(module, example, strict=False, check_trace=False).save(path)


def save_scripted(module, path, *example):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(module).save(path)


def series(length):
    return floats(x=(length, WIDTH))


def hidden(length, *, first=False):
    """Hide a different number of positions in each row: the last ones, or those at odd places."""

    def inputs_of(generator, rows):
        positions = np.arange(length)[None]
        shown = generator.integers(1, length + 1, (rows, 1))
        mask = positions % 2 == 1 if first else positions >= shown
        return series(length)(generator, rows) | {"hidden": np.broadcast_to(mask, (rows, length)).copy()}

    return inputs_of


def check(tmp_path, save, module, inputs, inputs_of, example, *, logits=None, take=None, lengths=(LENGTH, 9)):
    """Export and compare with the module in Python, for several batches and lengths."""
    save(module, tmp_path / "model.pt", *example)
    given = {} if logits is None else {"logits": logits}
    made = defended(tmp_path / "model.pt", tmp_path, inputs=inputs, **given)
    for length in lengths:
        assert_algorithm_1(made, module_logits(module, take), inputs_of(length))


X = torch.randn(2, LENGTH, WIDTH)


@pytest.mark.parametrize(
    ("save", "make"),
    [
        (save_traced, Attention),
        (save_traced, lambda: Attention(batch_first=False)),
        (save_traced, lambda: Attention(add_zero_attn=True)),
        (save_traced, CrossAttention),
        (save_traced, lambda: Encoder(layers=0)),
        (save_traced, lambda: Encoder(layers=0, norm_first=True, activation="gelu")),
        (save_traced, Encoder),
        (save_traced, lambda: Encoder(norm_first=True)),
        (save_traced, CausalEncoder),
        (save_traced, EncoderDecoder),
        (save_traced, LongShortMemory),
        (save_scripted, CrossAttention),
        (save_scripted, lambda: Encoder(layers=1)),
        (save_scripted, LongShortMemory),
        pytest.param(save_scripted, lambda: Encoder(norm_first=True), marks=pytest.mark.slow),
        pytest.param(save_scripted, EncoderDecoder, marks=pytest.mark.slow),
    ],
)
def test_a_layer_takes_any_batch_and_any_length(tmp_path, make, save):
    check(tmp_path, save, seeded(make), (SERIES,), series, (X,))


@pytest.mark.parametrize(
    ("save", "make"),
    [
        (save_traced, MaskedAttention),
        (save_traced, MaskedEncoder),
        (save_traced, lambda: MaskedEncoder(layers=0)),
        (save_traced, lambda: MaskedEncoder(norm_first=True)),
        (save_scripted, MaskedAttention),
        pytest.param(save_scripted, MaskedEncoder, marks=pytest.mark.slow),
        pytest.param(save_scripted, lambda: MaskedEncoder(norm_first=True), marks=pytest.mark.slow),
    ],
)
def test_what_a_mask_hides_stays_hidden(tmp_path, make, save):
    example = (X, torch.tensor([[False] * 5, [False] * 3 + [True] * 2]))
    check(tmp_path, save, seeded(make), (SERIES, MASK), hidden, example)


def test_a_mask_within_a_row_hides_what_it_hides_in_the_module(tmp_path):
    """Without nested tensors: a trace of those takes the first positions, whichever the mask hides."""
    example = (X, torch.tensor([[False, True, False, True, False]] * 2))
    module = seeded(lambda: MaskedEncoder(layers=0))
    check(tmp_path, save_traced, module, (SERIES, MASK), lambda n: hidden(n, first=True), example)


def test_a_trace_of_one_image_takes_any_batch(tmp_path):
    module = seeded(Vision)
    save_traced(module, tmp_path / "model.pt", torch.randn(1, 3, 8, 8))
    made = defended(tmp_path / "model.pt", tmp_path)
    assert made.shapes() == {"x": ["batch", 3, 8, 8], "noise": ["batch", 3]}
    assert_algorithm_1(made, module_logits(module), floats(x=(3, 8, 8)))


@pytest.mark.parametrize(
    ("make", "save", "logits", "take"),
    [
        (AttentionInTuple, save_traced, "output_0", 0),
        (AttentionInTuple, save_scripted, "output_0", 0),
        (AttentionInDictionary, save_traced, "logits", "logits"),
        (AttentionInDictionary, save_scripted, "logits", "logits"),
    ],
)
def test_the_logits_of_attention_are_taken_from_several_outputs(tmp_path, make, save, logits, take):
    check(tmp_path, save, seeded(make), (SERIES,), series, (X,), logits=logits, take=take)


@pytest.mark.parametrize(
    ("make", "take"),
    [
        (InMixedTuple, 1),
        (InNamedTupleWithNone, 1),
        (InFilledDictionary, "logits"),
        (Counting, 0),
        (Checking, 0),
    ],
)
def test_the_logits_are_taken_from_among_other_things(tmp_path, make, take):
    module, given = seeded(make), {"logits": "logits"} if make is InFilledDictionary else {}
    check(tmp_path, save_scripted, module, (TABLE,), lambda _: floats(x=(6,)), (), take=take, lengths=(6,), **given)


@pytest.mark.parametrize("make", [lambda: Cells(nn.GRUCell), lambda: Cells(nn.RNNCell), LongShortCells])
def test_cells_within_a_loop_take_any_length(tmp_path, make):
    check(tmp_path, save_scripted, seeded(make), (SERIES,), series, ())


def test_a_module_that_was_frozen_is_defended_like_any_other(tmp_path):
    def save_frozen(module, path):
        torch.jit.freeze(torch.jit.script(module)).save(path)

    check(tmp_path, save_frozen, seeded(CrossAttention), (SERIES,), series, ())


def test_the_module_itself_answers_as_before(tmp_path):
    save_traced(seeded(Encoder), tmp_path / "model.pt", X)
    source = open_source(tmp_path / "model.pt", SourceOptions(inputs=(SERIES,)))
    before = source.module.run({"x": X.numpy()})
    source.to_onnx(None)
    np.testing.assert_equal(source.module.run({"x": X.numpy()}), before)


@pytest.mark.parametrize("opset", [13, 17, 20])
def test_the_opset_is_the_requested_one(tmp_path, opset):
    save_traced(seeded(Attention), tmp_path / "model.pt", X)
    assert open_source(tmp_path / "model.pt").to_onnx(opset).opset_imports[""] == opset


def test_packed_sequences_are_refused_with_a_way_out(tmp_path):
    (folder := tmp_path / "out").mkdir()
    save_traced(seeded(Packed), tmp_path / "model.pt", X, torch.tensor([5, 3]))
    np.savez(tmp_path / "rows.npz", x=X.numpy(), lengths=np.array([5, 3]))
    sentence = refusal(tmp_path / "model.pt", folder, UnsupportedModelError, example=tmp_path / "rows.npz")
    assert "packed" in sentence


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_quantised_module_is_refused_with_a_way_out(tmp_path):
    (folder := tmp_path / "out").mkdir()
    module = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3)).eval())
    save_traced(module, tmp_path / "model.pt", torch.randn(2, 6))
    assert "quantise" in refusal(tmp_path / "model.pt", folder, UnsupportedModelError)
