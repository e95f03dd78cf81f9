"""The operators of PyTorch's layers that its exporter does not know, as TorchScript of plain operators.

In evaluation mode `nn.MultiheadAttention` and `nn.TransformerEncoderLayer` call one operator each, and
`nn.TransformerEncoder` packs padded rows into nested tensors. These operators have no ONNX form, and a trace holds
nothing else. So it is with the cells of recurrent layers. The functions here have the arguments of the operators, and
compute the same.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

# The operators' `mask_type` for a mask [n, length] of the positions of a row; others are masks of pairs of positions.
PADDING = 1


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim: int,
    num_head: int,
    qkv_weight: Tensor,
    qkv_bias: Tensor,
    proj_weight: Tensor,
    proj_bias: Tensor,
    mask: Tensor | None = None,
    need_weights: bool = True,
    average_attn_weights: bool = True,
    mask_type: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Compute `aten::_native_multi_head_attention`.

    Returns:
        The attended values [n, length, embed_dim], and the weights [n, length, length] or, if they are not averaged,
        [n, num_head, length, length].
    """
    width = embed_dim // num_head
    weights = qkv_weight.chunk(3)
    biases = qkv_bias.chunk(3)
    shape = [query.size(0), -1, num_head, width]
    queries = functional.linear(query, weights[0], biases[0]).reshape(shape).transpose(1, 2)
    keys = functional.linear(key, weights[1], biases[1]).reshape(shape).permute(0, 2, 3, 1)
    values = functional.linear(value, weights[2], biases[2]).reshape(shape).transpose(1, 2)
    scores = torch.matmul(queries * width**-0.5, keys)
    if mask is not None:
        ignored = mask.to(torch.bool)
        if mask_type is not None and mask_type == 1:
            ignored = ignored.unsqueeze(1).unsqueeze(2)
        scores = scores.masked_fill(ignored, float("-inf"))
    attended = torch.softmax(scores, dim=-1)
    joined = torch.matmul(attended, values).transpose(1, 2).reshape([query.size(0), -1, embed_dim])
    shown = attended.mean(dim=1) if average_attn_weights else attended
    return functional.linear(joined, proj_weight, proj_bias), shown


def encoder_layer(
    src: Tensor,
    embed_dim: int,
    num_heads: int,
    qkv_weight: Tensor,
    qkv_bias: Tensor,
    proj_weight: Tensor,
    proj_bias: Tensor,
    use_gelu: bool,
    norm_first: bool,
    eps: float,
    norm_weight_1: Tensor,
    norm_bias_1: Tensor,
    norm_weight_2: Tensor,
    norm_bias_2: Tensor,
    ffn_weight_1: Tensor,
    ffn_bias_1: Tensor,
    ffn_weight_2: Tensor,
    ffn_bias_2: Tensor,
    mask: Tensor | None = None,
    mask_type: int | None = None,
) -> Tensor:
    """Compute `aten::_transformer_encoder_layer_fwd`, on states [n, length, embed_dim]."""
    states = src
    if norm_first:
        states = functional.layer_norm(states, [embed_dim], norm_weight_1, norm_bias_1, eps)
    attended = attention(
        states,
        states,
        states,
        embed_dim,
        num_heads,
        qkv_weight,
        qkv_bias,
        proj_weight,
        proj_bias,
        mask,
        False,
        True,
        mask_type,
    )
    summed = src + attended[0]
    if not norm_first:
        summed = functional.layer_norm(summed, [embed_dim], norm_weight_1, norm_bias_1, eps)
    states = summed
    if norm_first:
        states = functional.layer_norm(states, [embed_dim], norm_weight_2, norm_bias_2, eps)
    states = functional.linear(states, ffn_weight_1, ffn_bias_1)
    states = functional.gelu(states) if use_gelu else functional.relu(states)
    states = summed + functional.linear(states, ffn_weight_2, ffn_bias_2)
    if not norm_first:
        states = functional.layer_norm(states, [embed_dim], norm_weight_2, norm_bias_2, eps)
    return states


def padding(kept: Tensor) -> Tensor:
    """Compute where the rows of `aten::_nested_tensor_from_mask` are padded: each row keeps its first positions.

    Args:
        kept: bool [n, length]; a nested tensor holds as many positions of a row as are true in it.

    Returns:
        Bool [n, length], true where a row is padded.
    """
    return torch.arange(kept.size(1), device=kept.device) >= kept.sum(dim=1, keepdim=True)


def padded(states: Tensor, ignored: Tensor, value: float) -> Tensor:
    """Compute `aten::to_padded_tensor`, on states [n, length, embed_dim] that were never packed."""
    return states.masked_fill(ignored.unsqueeze(-1), value)


def gru_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """Compute `aten::gru_cell`: the next hidden state [n, width]."""
    of_input = functional.linear(input, w_ih, b_ih).chunk(3, dim=1)
    of_state = functional.linear(hx, w_hh, b_hh).chunk(3, dim=1)
    reset = torch.sigmoid(of_input[0] + of_state[0])
    update = torch.sigmoid(of_input[1] + of_state[1])
    new = torch.tanh(of_input[2] + reset * of_state[2])
    return new + update * (hx - new)


def lstm_cell(
    input: Tensor, hx: list[Tensor], w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Compute `aten::lstm_cell`: the next hidden state and the next cell state, each [n, width]."""
    gates = (functional.linear(input, w_ih, b_ih) + functional.linear(hx[0], w_hh, b_hh)).chunk(4, dim=1)
    cell = torch.sigmoid(gates[1]) * hx[1] + torch.sigmoid(gates[0]) * torch.tanh(gates[2])
    return torch.sigmoid(gates[3]) * torch.tanh(cell), cell


def rnn_tanh_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """Compute `aten::rnn_tanh_cell`: the next hidden state [n, width]."""
    return torch.tanh(functional.linear(input, w_ih, b_ih) + functional.linear(hx, w_hh, b_hh))


def rnn_relu_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """Compute `aten::rnn_relu_cell`: the next hidden state [n, width]."""
    return torch.relu(functional.linear(input, w_ih, b_ih) + functional.linear(hx, w_hh, b_hh))


REPLACEMENTS: dict[str, Callable[..., Any]] = {
    "aten::_native_multi_head_attention": attention,
    "aten::_transformer_encoder_layer_fwd": encoder_layer,
    "aten::gru_cell": gru_cell,
    "aten::lstm_cell": lstm_cell,
    "aten::rnn_tanh_cell": rnn_tanh_cell,
    "aten::rnn_relu_cell": rnn_relu_cell,
}
