"""Classifiers that PyTorch's exporter can't convert from TorchScript as they are: attention, cells, odd outputs."""

from typing import NamedTuple

import torch
from torch import nn

WIDTH, HEADS, CLASSES = 16, 4, 3


class Attention(nn.Module):
    """Rows [n, length, 16] to logits, through one layer of self-attention."""

    def __init__(self, batch_first: bool = True, need_weights: bool = True, **options: bool) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=batch_first, **options)
        self.head = nn.Linear(WIDTH, CLASSES)
        self.batch_first, self.need_weights = batch_first, need_weights

    def attend(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        states = x if self.batch_first else x.transpose(0, 1)
        attended, weights = self.attention(states, states, states, need_weights=self.need_weights)
        return attended.mean(1 if self.batch_first else 0), weights

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.attend(x)[0])


class AttentionInTuple(Attention):
    """Returns its attention weights too, which are None if they are not needed."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        attended, weights = self.attend(x)
        return self.head(attended), weights


class AttentionInDictionary(Attention):
    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        attended, _ = self.attend(x)
        return {"hidden": attended, "logits": self.head(attended)}


class MaskedAttention(nn.Module):
    """Ignores the positions that the mask hides."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        self.head = nn.Linear(WIDTH, CLASSES)

    def forward(self, x: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        attended, _ = self.attention(x, x, x, key_padding_mask=hidden, need_weights=False)
        return self.head(attended[:, 0])


class CrossAttention(nn.Module):
    """One learned query attends to the row."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.randn(1, 1, WIDTH))
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        self.head = nn.Linear(WIDTH, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        attended, _ = self.attention(self.query.expand(x.shape[0], -1, -1), x, x)
        return self.head(attended[:, 0])


class Encoder(nn.Module):
    """Rows [n, length, 16] to logits, through a transformer encoder or one layer of it."""

    def __init__(self, layers: int = 2, norm_first: bool = False, activation: str = "relu") -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(
            WIDTH, HEADS, 32, batch_first=True, norm_first=norm_first, activation=activation
        )
        nested = not norm_first
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=nested) if layers else layer
        self.head = nn.Linear(WIDTH, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.encoder(x).mean(1))


class MaskedEncoder(Encoder):
    def forward(self, x: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        return self.head(self.encoder(x, src_key_padding_mask=hidden)[:, 0])


class CausalEncoder(Encoder):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        later = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        return self.head(self.encoder(x, mask=later)[:, -1])


class EncoderDecoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.transformer = nn.Transformer(WIDTH, HEADS, 1, 1, 32, batch_first=True)
        self.head = nn.Linear(WIDTH, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.transformer(x, x[:, :1])[:, 0])


class Vision(nn.Module):
    """Images [n, 3, 8, 8] to logits, by patches, a class token and learned positions."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, 4, 4)
        self.token = nn.Parameter(torch.randn(1, 1, WIDTH))
        self.positions = nn.Parameter(torch.randn(1, 5, WIDTH))
        layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 32, batch_first=True, norm_first=True, activation="gelu")
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(WIDTH, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        patches = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(x.shape[0], -1, -1), patches], dim=1) + self.positions
        return self.head(self.encoder(tokens)[:, 0])


class Cells(nn.Module):
    """Steps through [n, length, 16] in its own loop."""

    def __init__(self, kind: type[nn.Module]) -> None:
        super().__init__()
        self.cell = kind(WIDTH, 8)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        state = torch.zeros(x.shape[0], 8)
        for step in range(x.shape[1]):
            state = self.cell(x[:, step], state)
        return self.head(state)


class LongShortCells(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(WIDTH, 8)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        state, cell = torch.zeros(x.shape[0], 8), torch.zeros(x.shape[0], 8)
        for step in range(x.shape[1]):
            state, cell = self.cell(x[:, step], (state, cell))
        return self.head(state)


class LongShortMemory(nn.Module):
    """Takes the last hidden state of both directions."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.LSTM(WIDTH, 8, batch_first=True, bidirectional=True)
        self.head = nn.Linear(16, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        _, (hidden, _) = self.layer(x)
        return self.head(torch.cat([hidden[0], hidden[1]], dim=1))


class Packed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.GRU(WIDTH, 8, batch_first=True)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        _, hidden = self.layer(packed)
        return self.head(hidden[-1])


class Result(NamedTuple):
    loss: torch.Tensor | None
    logits: torch.Tensor


class Linear(nn.Module):
    """Rows [n, 6] to logits; its subclasses return them beside other things."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(6, CLASSES)


class InMixedTuple(Linear):
    def forward(self, x: torch.Tensor) -> tuple[int, torch.Tensor, str, torch.Tensor | None]:
        return x.shape[0], self.head(x), "logits", None


class InNamedTupleWithNone(Linear):
    def forward(self, x: torch.Tensor) -> Result:
        return Result(None, self.head(x))


class InFilledDictionary(Linear):
    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        answers: dict[str, torch.Tensor] = {}
        answers["hidden"] = x
        logits = self.head(x)
        if bool(logits.sum() > 0):
            logits = 2 * logits
        answers["logits"] = logits
        return answers


class Counting(Linear):
    """Counts its calls in a buffer, which changes no answer."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, int]:
        self.calls += 1
        return self.head(x), 1


class Checking(Linear):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, int]:
        if x.dim() != 2 or x.shape[1] != 6:
            raise ValueError(f"expected rows of 6 features, not {x.shape}")
        return self.head(x), 6
