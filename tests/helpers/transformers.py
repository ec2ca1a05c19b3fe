"""Small transformers in several spellings, with random weights or a planted truth: which patches decide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.processor import generator
from unseen import Classifier, Preprocessing
from unseen.removal import REMOVALS, MaskedClassifier

SIDE, PATCH, WIDTH, HEADS = 16, 4, 8, 2
OF_ATTENTION = ("attention-rollout", "chefer")
"""Methods that ask for self-attention, which networks of convolutions have none of."""

Spelling = Literal["fused", "eager", "einsum", "module"]
Reads = Literal["class", "mean", "pool", "weighed"]


class Layer(nn.Module):
    """Self-attention with a residual connection, and a layer of its own for each token; A is kept where it is seen."""

    def __init__(self, spelling: Spelling) -> None:
        super().__init__()
        self.spelling = spelling
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        self.dense = nn.Linear(WIDTH, WIDTH)
        self.weights: Tensor | None = None
        """Shape (N, heads, T, T), of the last pass."""

    def forward(self, tokens: Tensor) -> Tensor:
        mixed = tokens + self.mixed(tokens)
        return mixed + self.dense(mixed).relu()

    def mixed(self, tokens: Tensor) -> Tensor:
        module = self.attention
        if self.spelling == "module":
            found: Tensor = module(tokens, tokens, tokens, need_weights=False)[0]
            return found
        count, length, _ = tokens.shape
        qkv = F.linear(tokens, module.in_proj_weight, module.in_proj_bias)
        query, key, value = qkv.reshape(count, length, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        if self.spelling == "fused":
            mixed = F.scaled_dot_product_attention(query, key, value).transpose(1, 2)
        elif self.spelling == "einsum":
            scores = torch.einsum("bhid,bhjd->bhij", query, key) / (WIDTH // HEADS) ** 0.5
            mixed = torch.einsum("bhij,bhjd->bihd", scores.softmax(-1), value)
        else:
            self.weights = (query @ key.transpose(-2, -1) / (WIDTH // HEADS) ** 0.5).softmax(-1)
            mixed = (self.weights @ value).transpose(1, 2)
        return F.linear(mixed.reshape(count, length, WIDTH), module.out_proj.weight, module.out_proj.bias)


class Transformer(nn.Module):
    """Patches, a class token where the head reads one, layers, a head.

    Args:
        spelling: how attention is written.
        reads: what the head reads: the class token, the mean of all tokens, or what a query of its own attends to, in
            either of two spellings.
        layers: how many.
        between: what happens to the tokens between two layers.
        before: what happens to the photograph.
        axes: of the photograph.
    """

    def __init__(
        self,
        spelling: Spelling = "eager",
        reads: Reads = "class",
        layers: int = 2,
        *,
        between: Callable[[Tensor], Tensor] = lambda tokens: tokens,
        before: Callable[[Tensor], Tensor] = lambda x: x,
        axes: int = 2,
    ) -> None:
        super().__init__()
        self.reads, self.between, self.before = reads, between, before
        self.patches = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[axes - 1](3, WIDTH, PATCH, PATCH)
        self.first, self.query = (nn.Parameter(torch.zeros(1, 1, WIDTH)) for _ in range(2))
        self.layers = nn.ModuleList(Layer(spelling) for _ in range(layers))
        self.head = nn.Linear(WIDTH, 3)
        stream = generator()
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=stream) * 0.7)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.tokens(x)
        if self.reads == "pool":
            tokens = (self.query @ tokens.transpose(1, 2)).softmax(-1) @ tokens
        elif self.reads == "weighed":
            tokens = (tokens @ self.query[0].T).softmax(1).transpose(1, 2) @ tokens
        found: Tensor = self.head(tokens.mean(1) if self.reads == "mean" else tokens[:, 0])
        return found

    def tokens(self, x: Tensor) -> Tensor:
        """After the last layer."""
        tokens = self.patches(self.before(x)).flatten(2).transpose(1, 2)
        if self.reads == "class":
            tokens = torch.cat([self.first.expand(len(tokens), -1, -1), tokens], dim=1)
        for number, layer in enumerate(self.layers):
            tokens = layer(self.between(tokens) if number else tokens)
        return tokens

    def pooled(self, photo: Tensor) -> Tensor:
        """How a query of the head's own weighs the tokens, shape (1, T)."""
        with torch.no_grad():
            return (self.tokens(photo[None])[0] @ self.query[0].T).softmax(0).T


def planted(reads: Literal["class", "mean"] = "class") -> Transformer:
    """Class 0 speaks for red alone; every query attends to what is red or blue, and of blue nothing is taken.

    Channel 0 holds a patch's red, 1 its blue, 2 a constant to ask with, 3 what is taken.
    """
    network = Transformer("fused", reads)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network.patches.weight[0, 0], network.patches.weight[1, 2] = 1 / PATCH**2, 1 / PATCH**2
        network.patches.bias[2] = network.first[..., 2] = 1
        for layer in network.layers:
            query, key, value = layer.attention.in_proj_weight.split(WIDTH)
            for head in (0, WIDTH // HEADS):
                query[head, 2], key[head, 0], key[head, 1], value[head, 0] = 2, 3, 3, 1
                layer.attention.out_proj.weight[3, head] = 1
        network.head.weight[0, 3] = 2
    return network


def spots(red: tuple[tuple[int, int, float], ...], blue: tuple[tuple[int, int, float], ...] = ()) -> Tensor:
    """A black photograph with patches (row, column, brightness) of red and blue."""
    photo = torch.zeros(3, SIDE, SIDE)
    for channel, some in ((0, red), (2, blue)):
        for row, column, brightness in some:
            photo[channel, PATCH * row : PATCH * (row + 1), PATCH * column : PATCH * (column + 1)] = brightness
    return photo


def bound(network: nn.Module, photo: Tensor, removal: str = "black") -> MaskedClassifier:
    """The network on a photograph, which it sees as it is."""
    fed = Preprocessing(tuple(photo.shape[1:]), None, mean=(0, 0, 0), std=(1, 1, 1))
    return REMOVALS.create(removal).bind(Classifier(network.eval(), fed), photo)
