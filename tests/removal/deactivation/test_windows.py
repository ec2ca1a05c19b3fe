"""Operations whose windows see several positions, against loops over windows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import cycle

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
    randomise,
)
from helpers.reference import Map, Reference

SIZES = [(9, 7), (8, 12)]


def by_turns(names: Iterable[str]) -> list[tuple[str, tuple[int, int]]]:
    """Each at one of the sizes: both for each say nothing new, and the reference is slow."""
    return list(zip(names, cycle(SIZES), strict=False))


NEIGHBOUR = ({"fill": "neighbour"}, {"fill": "neighbour", "threshold": 0.35, "join": "and"})


class Convolutions(Toy):
    """Convolutions one after the other, global average, linear."""

    def __init__(self, *layers: nn.Conv2d) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.head = nn.Linear(layers[-1].out_channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = F.silu(layer(x))
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))

    def slow(self, r: Reference, x: Map) -> Tensor:
        for layer in self.layers:
            x = r.each(r.conv(x, layer), F.silu)
        return self.head(r.mean(x))


CONVOLUTIONS: dict[str, Callable[[], Convolutions]] = {
    "plain": lambda: Convolutions(nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 5, 3)),
    "stride": lambda: Convolutions(nn.Conv2d(3, 4, 3, 2, 1), nn.Conv2d(4, 5, 3, (1, 2), 1)),
    "dilation": lambda: Convolutions(
        nn.Conv2d(3, 4, 3, padding=2, dilation=2), nn.Conv2d(4, 5, (2, 3), dilation=(2, 1))
    ),
    "groups": lambda: Convolutions(nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 4, 3, padding=1, groups=2)),
    "depthwise": lambda: Convolutions(nn.Conv2d(3, 6, 3, padding=1, groups=3), nn.Conv2d(6, 6, 5, padding=2, groups=6)),
    "asymmetric kernel": lambda: Convolutions(
        nn.Conv2d(3, 4, (1, 5), padding=(0, 2)), nn.Conv2d(4, 4, (4, 1), bias=False)
    ),
    "pointwise": lambda: Convolutions(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 5, 1)),
    "strided pointwise": lambda: Convolutions(
        nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 1, 2), nn.Conv2d(4, 4, 3, 1, 1)
    ),
    "padded pointwise": lambda: Convolutions(nn.Conv2d(3, 4, 1, padding=1), nn.Conv2d(4, 4, 3)),
    "same": lambda: Convolutions(nn.Conv2d(3, 4, 4, padding="same"), nn.Conv2d(4, 4, 3, padding="same", dilation=2)),
    "valid": lambda: Convolutions(nn.Conv2d(3, 4, 3, padding="valid"), nn.Conv2d(4, 4, 1, padding="valid")),
    "reflect": lambda: Convolutions(nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"), nn.Conv2d(4, 4, 3, 2)),
    "replicate": lambda: Convolutions(nn.Conv2d(3, 4, 5, padding=2, padding_mode="replicate"), nn.Conv2d(4, 4, 3)),
    "circular": lambda: Convolutions(nn.Conv2d(3, 4, 3, padding=1, padding_mode="circular"), nn.Conv2d(4, 4, 3)),
}


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize(("name", "size"), by_turns(CONVOLUTIONS))
def test_convolution(name: str, size: tuple[int, int]) -> None:
    assert_reference(CONVOLUTIONS[name](), size)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("name", ["plain", "stride", "dilation", "depthwise", "same", "replicate"])
def test_neighbour_fill_before_convolution(name: str) -> None:
    assert_reference(CONVOLUTIONS[name](), (8, 12), NEIGHBOUR)


class Padded(Toy):
    """Explicit padding of several kinds before unpadded convolutions; nn.ZeroPad2d and F.pad."""

    def __init__(self, value: float = 0.0) -> None:
        super().__init__()
        self.value = value
        self.zero = nn.ZeroPad2d((0, 2, 1, 1))
        self.first, self.second = nn.Conv2d(3, 4, 3, 2), nn.Conv2d(4, 4, (2, 3))
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.first(self.zero(x)))
        x = self.second(F.pad(F.pad(x, [1, 0]), (0, 1, 0, 1), value=self.value))
        return self.head(x.mean((2, 3)))

    def slow(self, r: Reference, x: Map) -> Tensor:
        x = r.each(r.conv(r.pad(x, (0, 2, 1, 1)), self.first), F.relu)
        x = r.pad(r.pad(x, (1, 0, 0, 0)), (0, 1, 0, 1), value=self.value)
        return self.head(r.mean(r.conv(x, self.second)))


@pytest.mark.parametrize("value", [0.0, 0.7])
@pytest.mark.parametrize("size", SIZES)
def test_explicit_padding(size: tuple[int, int], value: float) -> None:
    assert_reference(Padded(value), size)


def test_neighbour_fill_leaves_explicit_padding_alone() -> None:
    assert_reference(Padded(), (8, 12), NEIGHBOUR)


class BeyondTheBorder(Toy):
    """Windows that see nothing but padding are neither on nor off."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 2, padding=3), nn.Conv2d(4, 4, 3)
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.second(self.first(x)).mean((2, 3)))

    def slow(self, r: Reference, x: Map) -> Tensor:
        return self.head(r.mean(r.conv(r.conv(x, self.first), self.second)))


def test_windows_beyond_the_border() -> None:
    assert_reference(BeyondTheBorder(), (7, 9), [p for p in POLICIES if "travel" not in p])


class Pools(Toy):
    """A convolution with negative activations, a pool, a convolution."""

    def __init__(self, pool: nn.Module) -> None:
        super().__init__()
        self.first, self.pool, self.second = nn.Conv2d(3, 4, 3, padding=1), pool, nn.Conv2d(4, 4, 2, padding=1)
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.second(self.pool(F.logsigmoid(self.first(x)))).mean((-2, -1)))

    def slow(self, r: Reference, x: Map) -> Tensor:
        x = r.each(r.conv(x, self.first), F.logsigmoid)
        if isinstance(self.pool, nn.MaxPool2d):
            x = r.max_pool(x, self.pool)
        elif isinstance(self.pool, nn.AvgPool2d):
            x = r.avg_pool(x, self.pool)
        else:
            x = r.adaptive_avg(x, self.pool.output_size)
        assert isinstance(x, Map)
        return self.head(r.mean(r.conv(x, self.second)))


POOLS: dict[str, Callable[[], nn.Module]] = {
    "max": lambda: nn.MaxPool2d(2),
    "overlapping max": lambda: nn.MaxPool2d(3, 2, 1),
    "max, ceil": lambda: nn.MaxPool2d(3, 2, ceil_mode=True),
    "max, ceil, padded": lambda: nn.MaxPool2d((2, 3), 2, (1, 1), ceil_mode=True),
    "max, dilated": lambda: nn.MaxPool2d(2, 1, dilation=2),
    "max, dilated, ceil": lambda: nn.MaxPool2d(2, 2, dilation=2, ceil_mode=True),
    "max, same size": lambda: nn.MaxPool2d(3, 1, 1),
    "average": lambda: nn.AvgPool2d(2),
    "average, counts padding": lambda: nn.AvgPool2d(3, 1, 1),
    "average, ignores padding": lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False),
    "average, ceil": lambda: nn.AvgPool2d(2, 2, ceil_mode=True, count_include_pad=False),
    "average, ceil, counts padding": lambda: nn.AvgPool2d(3, 2, 1, ceil_mode=True),
    "average, divisor": lambda: nn.AvgPool2d(2, divisor_override=3),
    "adaptive average": lambda: nn.AdaptiveAvgPool2d((3, 2)),
}


@pytest.mark.parametrize(("name", "size"), by_turns(POOLS))
def test_pooling(name: str, size: tuple[int, int]) -> None:
    assert_reference(Pools(POOLS[name]()), size)


class GlobalPools(Toy):
    """The ways of writing a global pool; a max pool and an average pool over everything."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.conv, self.window, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.AvgPool2d(size), nn.Linear(24, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.logsigmoid(self.conv(x))
        pooled = [
            F.adaptive_avg_pool2d(x, (1, 1)),
            self.window(x),
            F.avg_pool2d(x, x.shape[2:]),
            x.mean([2, 3], keepdim=True),
            F.adaptive_max_pool2d(x, 1),
            F.max_pool2d(x, kernel_size=x.size()[2:]),
        ]
        return self.head(torch.cat(pooled, 1).squeeze(-1).squeeze(-1))

    def slow(self, r: Reference, x: Map) -> Tensor:
        x = r.each(r.conv(x, self.conv), F.logsigmoid)
        return self.head(torch.cat([r.mean(x)] * 4 + [r.amax(x)] * 2))


@pytest.mark.parametrize("size", SIZES)
def test_global_pooling(size: tuple[int, int]) -> None:
    assert_reference(GlobalPools(size), size)


class Transposed(Toy):
    def __init__(self, layer: nn.ConvTranspose2d) -> None:
        super().__init__()
        self.conv, self.up, self.last = nn.Conv2d(3, 4, 3, 2, 1), layer, nn.Conv2d(5, 4, 3)
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.last(F.relu(self.up(F.relu(self.conv(x))))).mean((2, 3)))

    def slow(self, r: Reference, x: Map) -> Tensor:
        x = r.each(r.conv(x, self.conv), F.relu)
        x = r.each(r.conv_transpose(x, self.up), F.relu)
        return self.head(r.mean(r.conv(x, self.last)))


@pytest.mark.parametrize(
    "layer",
    [
        lambda: nn.ConvTranspose2d(4, 5, 2, 2),
        lambda: nn.ConvTranspose2d(4, 5, 3, 2, 1, output_padding=1),
        lambda: nn.ConvTranspose2d(4, 5, (2, 3), 1, dilation=(2, 1)),
        lambda: nn.ConvTranspose2d(4, 5, 1, 2),  # every second position has no source at all
    ],
    ids=["doubling", "output padding", "dilation", "gaps"],
)
def test_transposed_convolution(layer: Callable[[], nn.ConvTranspose2d]) -> None:
    assert_reference(Transposed(layer()), (9, 7))


class Upsampled(Toy):
    def __init__(self) -> None:
        super().__init__()
        self.down, self.last, self.head = nn.Conv2d(3, 4, 3, 2, 1), nn.Conv2d(4, 4, 3), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = F.interpolate(F.silu(self.down(x)), scale_factor=2)
        return self.head(self.last(F.interpolate(input=x, scale_factor=2, mode="nearest-exact")).mean((2, 3)))

    def slow(self, r: Reference, x: Map) -> Tensor:
        x = r.upsample(r.upsample(r.each(r.conv(x, self.down), F.silu), 2), 2)
        return self.head(r.mean(r.conv(x, self.last)))


def test_nearest_upsampling() -> None:
    assert_reference(Upsampled(), (8, 6))


class Resized(nn.Module):
    def __init__(self, **how: object) -> None:
        super().__init__()
        self.how = how
        self.conv, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.conv(F.interpolate(x, **self.how)).mean((2, 3)))


@pytest.mark.parametrize("how", [{"scale_factor": 1.5}, {"size": (5, 9)}, {"scale_factor": (0.7, 1.2)}])
@pytest.mark.parametrize(
    "mode", [{"mode": "nearest"}, {"mode": "bilinear"}, {"mode": "bilinear", "align_corners": True}]
)
def test_resizing_switches_on_what_a_visible_pixel_reaches(how: dict[str, object], mode: dict[str, object]) -> None:
    model = randomise(Resized(**how, **mode))
    assert_hidden_pixels_do_not_matter(model, (9, 7))
    # One visible pixel: resized, convolved, its reach averaged.
    image, mask = photo((9, 7)), torch.zeros(1, 9, 7)
    mask[0, 4, 3] = 1
    seen = F.interpolate(image[None] * mask, **model.how)
    on = (F.interpolate(mask[None].double(), **model.how) > 0).double()
    reach = (F.conv2d(on, torch.ones(1, 1, 3, 3, dtype=torch.float64), padding=1) > 0).double()
    expected = model.head((model.conv(seen) * reach).sum((2, 3)) / reach.sum().clamp(min=1))
    torch.testing.assert_close(logits(model, image, mask), expected)


class MaximumSame(Toy):
    """TensorFlow's ``same`` pooling: padding of −∞ before the maximum, which loses even against nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.pool, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.MaxPool2d(3, 2), nn.Linear(4, 2)
        self.mix = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(F.logsigmoid(self.stem(x)), (1, 1, 1, 1), value=float("-inf"))
        return self.head(self.mix(1e6 * self.pool(x)).mean((2, 3)))

    def slow(self, r: Reference, x: Map) -> Tensor:
        x = r.pad(r.each(r.conv(x, self.stem), F.logsigmoid), (1, 1, 1, 1), value=float("-inf"))
        x = r.max_pool(x, self.pool)
        assert isinstance(x, Map)
        return self.head(r.mean(r.conv(r.each(x, lambda v: 1e6 * v), self.mix)))


@pytest.mark.parametrize("size", SIZES)
def test_padding_of_minus_infinity(size: tuple[int, int]) -> None:
    assert_reference(MaximumSame(), size)


def test_a_switched_off_position_never_wins_a_maximum() -> None:
    model = randomise(Pools(nn.MaxPool2d(2)))
    size = (8, 8)
    got = logits(model, photo(size), masks_for(size))
    assert torch.isfinite(got).all()
    assert_hidden_pixels_do_not_matter(model, size)


def test_pooled_travel_equals_the_crop() -> None:
    """A stride-aligned rectangle under ``pooled``: the network sees a true cut-out."""
    model = randomise(
        nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1),
            nn.BatchNorm2d(8),
            nn.SiLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 8, 3, 1, 1, groups=4),
            nn.Hardswish(),
            nn.Conv2d(8, 8, 1, 2),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(8, 4),
        )
    )
    image, masks = photo((32, 24)), torch.zeros(2, 32, 24)
    masks[0, 8:24, 8:16] = masks[1, :8, 16:] = 1
    got = logits(model, image, masks, travel="pooled")
    torch.testing.assert_close(got[0], model(image[None, :, 8:24, 8:16])[0], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(got[1], model(image[None, :, :8, 16:])[0], rtol=1e-9, atol=1e-9)
