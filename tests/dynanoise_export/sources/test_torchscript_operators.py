"""The plain forms of PyTorch's operators, compared with the slow paths of its layers and with its operators."""

import pytest
import torch
from torch import nn

from dynanoise_export.sources.torchscript_operators import (
    attention,
    encoder_layer,
    gru_cell,
    lstm_cell,
    padded,
    padding,
    rnn_relu_cell,
    rnn_tanh_cell,
)

WIDTH, HEADS = 8, 2
X = torch.randn(3, 5, WIDTH, generator=torch.Generator().manual_seed(0))
PADDED = torch.tensor([[0, 0, 0, 1, 1], [0, 0, 0, 0, 0], [0, 1, 1, 1, 1]], dtype=torch.bool)
PAIRS = torch.ones(5, 5, dtype=torch.bool).triu(1)

pytestmark = pytest.mark.filterwarnings("ignore:.*nested tensors:UserWarning")


@pytest.fixture
def slow_path():
    torch.backends.mha.set_fastpath_enabled(False)
    yield
    torch.backends.mha.set_fastpath_enabled(True)


def weights(layer):
    return layer.in_proj_weight, layer.in_proj_bias, layer.out_proj.weight, layer.out_proj.bias


@pytest.mark.parametrize("average", [True, False])
@pytest.mark.parametrize("mask", [None, "padding", "pairs"])
def test_attention(slow_path, mask, average):
    torch.manual_seed(0)
    layer = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True).eval()
    nn.init.normal_(layer.in_proj_bias)
    given = {"padding": {"key_padding_mask": PADDED}, "pairs": {"attn_mask": PAIRS}}.get(mask, {})
    tensor, kind = {"padding": (PADDED, 1), "pairs": (PAIRS, 0)}.get(mask, (None, None))
    with torch.no_grad():
        expected = layer(X, X, X, average_attn_weights=average, **given)
        found = attention(X, X, X, WIDTH, HEADS, *weights(layer), tensor, True, average, kind)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("mask", [None, "padding", "pairs"])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("norm_first", [True, False])
def test_encoder_layer(slow_path, norm_first, activation, mask):
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(
        WIDTH, HEADS, 16, activation=activation, batch_first=True, norm_first=norm_first, layer_norm_eps=0.1
    ).eval()
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    given = {"padding": {"src_key_padding_mask": PADDED}, "pairs": {"src_mask": PAIRS}}.get(mask, {})
    tensor, kind = {"padding": (PADDED, 1), "pairs": (PAIRS, 0)}.get(mask, (None, None))
    with torch.no_grad():
        expected = layer(X, **given)
        found = encoder_layer(
            X, WIDTH, HEADS, *weights(layer.self_attn), activation == "gelu", norm_first, 0.1, layer.norm1.weight,
            layer.norm1.bias, layer.norm2.weight, layer.norm2.bias, layer.linear1.weight, layer.linear1.bias,
            layer.linear2.weight, layer.linear2.bias, tensor, kind,
        )  # fmt: skip
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_rows_in_nested_tensors_are_padded_after_their_first_positions():
    kept = ~PADDED
    nested = torch._nested_tensor_from_mask(X, kept, mask_check=False)
    expected = nested.to_padded_tensor(-1.0, X.shape)
    torch.testing.assert_close(padded(X, padding(kept), -1.0), expected)
    assert padding(kept).tolist() == PADDED.tolist()


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("make", "cell"),
    [
        (nn.GRUCell, gru_cell),
        (lambda *sizes, **given: nn.RNNCell(*sizes, nonlinearity="tanh", **given), rnn_tanh_cell),
        (lambda *sizes, **given: nn.RNNCell(*sizes, nonlinearity="relu", **given), rnn_relu_cell),
    ],
)
def test_cells(make, cell, bias):
    torch.manual_seed(0)
    layer = make(WIDTH, 4, bias=bias)
    state = torch.randn(3, 4)
    with torch.no_grad():
        found = cell(X[:, 0], state, layer.weight_ih, layer.weight_hh, layer.bias_ih, layer.bias_hh)
        torch.testing.assert_close(found, layer(X[:, 0], state))


@pytest.mark.parametrize("bias", [True, False])
def test_long_short_cell(bias):
    torch.manual_seed(0)
    layer = nn.LSTMCell(WIDTH, 4, bias=bias)
    state = [torch.randn(3, 4), torch.randn(3, 4)]
    with torch.no_grad():
        found = lstm_cell(X[:, 0], state, layer.weight_ih, layer.weight_hh, layer.bias_ih, layer.bias_hh)
        torch.testing.assert_close(found, layer(X[:, 0], tuple(state)))
