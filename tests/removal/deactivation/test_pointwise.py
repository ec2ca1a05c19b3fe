"""Operations on every position by itself, and joins of branches, against loops over windows."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.checks import (
    POLICIES,
    Toy,
    assert_hidden_pixels_do_not_matter,
    assert_reference,
    logits,
    masks_for,
    photo,
    plain_logits,
    randomise,
)
from helpers.reference import Map, Reference
from unseen.errors import NotApplicableError

SIZES = [(9, 7), (8, 12)]
DILATING = [p for p in POLICIES if "travel" not in p]


def normalised(norm: nn.BatchNorm2d) -> Callable[[Tensor], Tensor]:
    """Batch normalisation of (C, h, w) by the running statistics."""
    assert norm.running_mean is not None
    assert norm.running_var is not None

    def apply(x: Tensor) -> Tensor:
        shape = (-1, *[1] * (x.ndim - 1))
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        return x * scale.reshape(shape) + (norm.bias - norm.running_mean * scale).reshape(shape)

    return apply


class Residual(Toy):
    """Branches with different positions (kernels 1, 3, 5) are added, then normalised, then mixed."""

    def __init__(self, add: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.join = add
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.narrow, self.wide = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 5, padding=2)
        self.norm, self.mix, self.head = nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3, 2), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.join(self.narrow(x), self.wide(x))
        return self.head(self.mix(F.silu(self.norm(x))).mean((2, 3)))

    def slow(self, r: Reference, x: Map) -> Tensor:
        x = r.conv(x, self.stem)
        x = r.add(r.conv(x, self.narrow), r.conv(x, self.wide))
        return self.head(r.mean(r.conv(r.each(r.each(x, normalised(self.norm)), F.silu), self.mix)))


def added_in_place(x: Tensor, y: Tensor) -> Tensor:
    x += y
    return x


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "add",
    [
        torch.add,
        operator.add,
        operator.iadd,
        added_in_place,
        lambda x, y: y.add_(x),
        lambda x, y: torch.add(input=x, other=y),
        lambda x, y: torch.add(x, other=y),
        lambda x, y: x.sub(-y),
        nn.quantized.FloatFunctional().add,
    ],
    ids=["torch.add", "+", "+=", "+= in a function", "add_", "keywords", "other=", "sub", "FloatFunctional"],
)
def test_residual_addition_of_different_positions(
    add: Callable[[Tensor, Tensor], Tensor], size: tuple[int, int]
) -> None:
    assert_reference(Residual(add), size)


class Dense(Toy):
    """DenseNet: branches of different positions are concatenated, normalised, and switched off each by its own."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.wide = nn.Conv2d(4, 3, 5, padding=2)
        self.norm, self.mix = nn.BatchNorm2d(7), nn.Conv2d(7, 3, 1)
        self.norm2, self.last, self.head = nn.BatchNorm2d(10), nn.Conv2d(10, 4, 3, padding=1), nn.Linear(14, 2)

    def forward(self, x: Tensor) -> Tensor:
        first = self.stem(x)
        block = torch.cat([first, self.wide(first)], 1)
        block = torch.cat((block, self.mix(F.silu(self.norm(block)))), dim=-3)
        out = torch.cat(tensors=[self.last(F.silu(self.norm2(block))), block], dim=1)
        return self.head(F.adaptive_avg_pool2d(out, 1).flatten(1))

    def slow(self, r: Reference, x: Map) -> Tensor:
        first = r.conv(x, self.stem)
        block = r.cat([first, r.conv(first, self.wide)])
        mixed = r.conv(r.each(r.each(block, normalised(self.norm)), F.silu), self.mix)
        block = r.cat([block, mixed])
        out = r.cat([r.conv(r.each(r.each(block, normalised(self.norm2)), F.silu), self.last), block])
        return self.head(r.mean(out))


@pytest.mark.parametrize("size", SIZES)
def test_concatenated_branches_are_switched_off_each_by_its_own_positions(size: tuple[int, int]) -> None:
    assert_reference(Dense(), size)


class Gated(Toy):
    """A product of branches with different positions, channel-wise and with one gate for all channels."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(3, 4, 5, padding=2)
        self.gate, self.mix, self.head = nn.Conv2d(4, 1, 7, padding=3), nn.Conv2d(4, 4, 2), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.left(x) * self.right(x).sigmoid()
        x = torch.mul(self.gate(x).sigmoid(), other=x)
        return self.head(self.mix(x).mean((2, 3)))

    def slow(self, r: Reference, x: Map) -> Tensor:
        x = r.mul(r.conv(x, self.left), r.each(r.conv(x, self.right), torch.sigmoid))
        x = r.mul(r.each(r.conv(x, self.gate), torch.sigmoid), x)
        return self.head(r.mean(r.conv(x, self.mix)))


@pytest.mark.numerics
@pytest.mark.parametrize("size", SIZES)
def test_products_are_on_where_every_factor_is(size: tuple[int, int]) -> None:
    # Reference and network broadcast the gate's single channel.
    assert_reference(Gated(), size)


class SqueezeAndExcitation(Toy):
    """Both spellings: convolutions on 1×1 maps, and linear layers on vectors that are expanded again."""

    def __init__(self, spelling: str) -> None:
        super().__init__()
        self.spelling = spelling
        self.stem, self.mix = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, 2)
        layer = (lambda i, o: nn.Conv2d(i, o, 1)) if spelling == "convolutions" else nn.Linear
        self.down, self.up, self.head = layer(4, 2), layer(2, 4), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.silu(self.stem(x))
        if self.spelling == "convolutions":
            scale = F.hardsigmoid(self.up(F.relu(self.down(F.adaptive_avg_pool2d(x, 1)))))
            x = x * scale
        else:
            n, c = x.shape[:2]
            scale = F.hardsigmoid(self.up(F.relu(self.down(F.adaptive_avg_pool2d(x, 1).view(n, c))))).view(n, c, 1, 1)
            x = x * (scale.expand_as(x) if self.spelling == "expanded" else scale)
        return self.head(self.mix(x).mean((2, 3)))

    def slow(self, r: Reference, x: Map) -> Tensor:
        x = r.each(r.conv(x, self.stem), F.silu)
        down, up = (layer.weight.flatten(1) for layer in (self.down, self.up))
        scale = F.hardsigmoid(up @ F.relu(down @ r.mean(x) + self.down.bias) + self.up.bias)
        return self.head(r.mean(r.conv(r.each(x, lambda v: v * scale[:, None, None]), self.mix)))


@pytest.mark.numerics
@pytest.mark.parametrize("spelling", ["convolutions", "vectors", "expanded"])
def test_squeeze_and_excitation(spelling: str) -> None:
    assert_reference(SqueezeAndExcitation(spelling))


class Elementwise(Toy):
    """One function of every value between two convolutions."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function
        self.stem, self.mix, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.mix(self.function(self.stem(x))).mean((2, 3)))

    def slow(self, r: Reference, x: Map) -> Tensor:
        x = r.each(r.conv(x, self.stem), lambda values: self.function(values[None])[0])
        return self.head(r.mean(r.conv(x, self.mix)))


def upwards(x: Tensor) -> Tensor:
    x.add_(1)
    return x


@pytest.mark.parametrize(
    "function",
    [
        F.relu, nn.ReLU(inplace=True), nn.ReLU6(inplace=True), F.gelu, nn.Hardswish(inplace=True), nn.SiLU(inplace=True), nn.Mish(),
        nn.PReLU(), F.softplus, torch.tanh, torch.square, upwards, nn.Identity(), nn.Dropout(inplace=True),
        nn.Dropout2d(), nn.Hardtanh(0, 6), nn.ELU(), nn.Threshold(0.1, 20), lambda x: 1 - x, lambda x: -x / 3,
        lambda x: x * F.relu6(x + 3) / 6, lambda x: torch.where(x > 0, x, x * 0.01 + 1), lambda x: torch.max(x, 0.1 * x + 1),
        lambda x: torch.maximum(input=x, other=x * x), lambda x: x.clamp(min=0.5), lambda x: x.to(torch.float64).contiguous(),
        lambda x: x.type(torch.float64).type_as(x), lambda x: (x > 0) * x + (x <= 0).to(x.dtype), lambda x: 2**x,
        lambda x: x.masked_fill(x < 0, 0.3), lambda x: torch.lerp(x, torch.ones_like(x), 0.5), lambda x: F.relu(input=x),
        lambda x: x if x.type() == "torch.DoubleTensor" and len(x.shape) == 4 and x.is_contiguous() else -x,
    ],
)  # fmt: skip
def test_functions_of_each_value(function: Callable[[Tensor], Tensor]) -> None:
    assert_reference(Elementwise(function), policies=[{}, {"travel": "pooled", "threshold": 0.35}])


class Maxout(Toy):
    """The larger of two halves of the channels (LightCNN), by every way of halving."""

    def __init__(self, halve: Callable[[Tensor], tuple[Tensor, Tensor]]) -> None:
        super().__init__()
        self.halve = halve
        self.stem, self.mix, self.head = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        left, right = self.halve(self.stem(x))
        return self.head(self.mix(torch.max(left, right)).mean((2, 3)))

    def slow(self, r: Reference, x: Map) -> Tensor:
        x = r.conv(x, self.stem)
        x = x.with_values(torch.maximum(*x.values.chunk(2)))
        return self.head(r.mean(r.conv(x, self.mix)))


@pytest.mark.parametrize(
    "halve",
    [
        lambda x: x.chunk(2, 1), lambda x: torch.chunk(input=x, chunks=2, dim=1), lambda x: torch.split(x, 4, dim=1),
        lambda x: torch.split(tensor=x, split_size_or_sections=[4, 4], dim=-3), lambda x: (x[:, :4], x[:, 4:]),
        lambda x: (x[:, :4, ...], x[:, -4:, :, :]), lambda x: torch.tensor_split(x, 2, dim=1),
    ],
)  # fmt: skip
def test_halves_of_the_channels(halve: Callable[[Tensor], tuple[Tensor, Tensor]]) -> None:
    assert_reference(Maxout(halve), policies=[{}, {"travel": "pooled", "threshold": 0.35}])


class SpatialAttention(Toy):
    """CBAM: mean and maximum over the channels, a convolution, a gate for all channels."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.gate = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(2, 1, 3, padding=1)
        self.mix, self.head = nn.Conv2d(4, 4, 3), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        pooled = torch.cat([x.mean(1, keepdim=True), torch.max(x, 1)[0].unsqueeze(1)], dim=1)
        x = x * torch.sigmoid(self.gate(pooled)).expand(-1, 4, -1, -1)
        return self.head(self.mix(x).mean((2, 3)))

    def slow(self, r: Reference, x: Map) -> Tensor:
        x = r.conv(x, self.stem)
        pooled = x.with_values(torch.stack([x.values.mean(0), x.values.amax(0)]))
        gate = r.each(r.conv(pooled, self.gate), torch.sigmoid)
        return self.head(r.mean(r.conv(r.mul(x, gate), self.mix)))


def test_spatial_attention() -> None:
    assert_reference(SpatialAttention())


@pytest.mark.parametrize(
    "function",
    [
        lambda x: F.softmax(x, 1), lambda x: x.softmax(dim=-3), lambda x: F.normalize(x), lambda x: F.local_response_norm(x, 2),
        lambda x: torch.cat([F.glu(x, 1)] * 2, 1),
    ],
)  # fmt: skip
def test_functions_along_the_channels(function: Callable[[Tensor], Tensor]) -> None:
    class Along(Elementwise):
        def slow(self, r: Reference, x: Map) -> Tensor:
            x = r.conv(x, self.stem)
            x = x.with_values(self.function(x.zeroed[None])[0])
            return self.head(r.mean(r.conv(x, self.mix)))

    assert_reference(Along(function), policies=[{}, {"travel": "pooled", "threshold": 0.35}])


@pytest.mark.numerics
def test_padding_meets_what_is_not_padding() -> None:
    """A padded map and a convolved one of the same size: the border belongs to the one that sees it."""

    class Meeting(nn.Module):
        def __init__(self, join: Callable[[Tensor, Tensor], Tensor]) -> None:
            super().__init__()
            self.join = join
            self.grow, self.mix, self.head = nn.Conv2d(3, 3, 3, padding=2), nn.Conv2d(3, 4, 3), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            joined = self.join(F.pad(x, (1, 1, 1, 1), value=0.3), self.grow(x))
            return self.head(self.mix(joined[:, :3]).mean((2, 3)))

    image, masks = photo((8, 6)), masks_for((8, 6))
    for join in (torch.add, torch.mul, lambda x, y: torch.cat([x, y], 1)):
        model = randomise(Meeting(join))
        assert_hidden_pixels_do_not_matter(model, (8, 6), DILATING)
        for policy in DILATING:  # binding proves Theorem 1
            with torch.no_grad():  # where gradients are recorded, what is switched off is a copy in another layout
                got = logits(model, image, masks, **policy)
                assert torch.equal(got[0], plain_logits(model, image, len(masks))[0])


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (nn.BatchNorm2d(4, track_running_stats=False), "batch_norm"),
        (lambda x: x - x.mean((0, 2, 3), keepdim=True), "mean"),
        (lambda x: torch.maximum(x, F.max_pool2d(x, 3, 1, 1)), "maximum"),
        (lambda x: F.linear(x, torch.ones(x.shape[-1], x.shape[-1], dtype=x.dtype)), "linear"),
        (lambda x: x.cumsum(2), "cumsum"),
        (lambda x: x + x.transpose(2, 3), "laid out differently"),
    ],
)  # fmt: skip
def test_what_mixes_positions_is_refused_by_name(function: Callable[[Tensor], Tensor], name: str) -> None:
    model = randomise(Elementwise(function))
    with pytest.raises(NotApplicableError, match=name) as caught:
        logits(model, photo((8, 8)), torch.ones(1, 8, 8))
    assert "choose another removal" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_refusal_names_the_module() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sequential(nn.BatchNorm2d(4, track_running_stats=False)), nn.Flatten())
    with pytest.raises(NotApplicableError, match=r"batch_norm in module '1\.0'"):
        logits(randomise(model), photo((8, 8)), torch.ones(1, 8, 8))


def test_float_and_half_precision_follow_the_network() -> None:
    model: Any = Elementwise(F.silu)
    randomise(model).float()
    image, masks = photo((8, 8)).float(), masks_for((8, 8))
    exact = logits(randomise(Elementwise(F.silu)), photo((8, 8)), masks)
    torch.testing.assert_close(logits(model, image, masks).double(), exact, rtol=1e-4, atol=1e-4)
    low = logits(model.bfloat16(), image, masks)
    assert low.dtype == torch.bfloat16
    torch.testing.assert_close(low.double(), exact, rtol=0.1, atol=0.1)
