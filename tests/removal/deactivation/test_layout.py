"""Operations that move positions, join branches or end positions: right, or refused by name, never silently wrong."""

from __future__ import annotations

from collections.abc import Callable

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

BOTH = ({}, {"travel": "pooled", "threshold": 0.35})


class Heads(Toy):
    """The ways of flattening into a linear layer."""

    def __init__(self, flatten: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.flatten = flatten
        self.stem, self.pool = nn.Conv2d(3, 4, 3, padding=1), nn.AdaptiveAvgPool2d((3, 2))
        self.first, self.head = nn.Linear(24, 5), nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.flatten(self.pool(torch.sigmoid(self.stem(x))))
        return self.head(F.relu(self.first(F.dropout(F.softplus(x), training=False))))

    def slow(self, r: Reference, x: Map) -> Tensor:
        x = r.adaptive_avg(r.each(r.conv(x, self.stem), torch.sigmoid), (3, 2))
        assert isinstance(x, Map)
        return self.head(F.relu(self.first(r.flatten(r.each(x, F.softplus)))))


@pytest.mark.parametrize(
    "flatten",
    [
        lambda x: x.flatten(1), nn.Flatten(), lambda x: torch.flatten(input=x, start_dim=1), lambda x: x.view(len(x), -1),
        lambda x: x.reshape(x.shape[0], 24).view(x.size(0), -1), lambda x: x.flatten(2).flatten(1),
    ],
)  # fmt: skip
def test_flatten_and_linear(flatten: Callable[[Tensor], Tensor]) -> None:
    """Nothing is on: the hidden layer sees zeros, although softplus(0) is not 0."""
    assert_reference(Heads(flatten))


class FlatNormalised(Toy):
    """Channels last, then flattened, normalised, joined with another flattened map."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.small = nn.Conv2d(3, 4, 3, 2), nn.Conv2d(4, 2, 2)
        self.norm, self.head = nn.BatchNorm1d(48), nn.Linear(60, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        return self.head(torch.cat([self.norm(x.permute(0, 2, 3, 1).flatten(1)), self.small(x).flatten(1)], 1))

    def slow(self, r: Reference, x: Map) -> Tensor:
        x = r.conv(x, self.stem)
        flat = self.norm(x.values.permute(1, 2, 0).flatten()[None])[0]
        kept = x.keep.permute(1, 2, 0).flatten()
        return self.head(torch.cat([torch.where(kept, flat, torch.zeros_like(flat)), r.flatten(r.conv(x, self.small))]))


def test_positions_stay_known_after_flattening() -> None:
    assert_reference(FlatNormalised(), (9, 7))


class Sliced(Toy):
    """Strided slices of positions: option A of ResNet, focus (YOLO), patch merging (Swin)."""

    def __init__(self, spelling: str) -> None:
        super().__init__()
        self.spelling = spelling
        self.stem, self.mix, self.head = nn.Conv2d(3, 2, 3, padding=1), nn.Conv2d(8, 4, 2), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        if self.spelling == "option A":
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 4, 2))
        elif self.spelling == "focus":
            x = torch.cat([x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]], 1)
        else:
            x = x.permute(0, 2, 3, 1)
            x = torch.cat([x[:, 0::2, 0::2], x[:, 1::2, 0::2, :], x[:, 0::2, 1::2], x[:, 1::2, 1::2, :]], -1)
            x = x.permute(0, 3, 1, 2)
        return self.head(self.mix(x).mean((2, 3)))

    def slow(self, r: Reference, x: Map) -> Tensor:
        def part(row: int, column: int) -> Map:
            return Map(*(values[..., row::2, column::2] for values in (x.zeroed, x.on, x.valid)))

        x = r.conv(x, self.stem)
        if self.spelling == "option A":
            half = part(0, 0)
            zeros = torch.zeros(4, *half.values.shape[1:])
            x = half.with_values(torch.cat([zeros, half.values, zeros[:2]]))
        else:
            x = r.cat([part(0, 0), part(1, 0), part(0, 1), part(1, 1)])
        return self.head(r.mean(r.conv(x, self.mix)))


@pytest.mark.parametrize("spelling", ["option A", "focus", "patch merging"])
def test_slices_of_positions(spelling: str) -> None:
    """With a threshold, merged patches follow the rule of a window, see test_merging."""
    policies = [p for p in POLICIES if "travel" not in p and not (spelling == "patch merging" and "threshold" in p)]
    assert_reference(Sliced(spelling), (8, 10), policies)


class Stacked(Toy):
    """SKNet: branches of different positions are stacked, weighed by their common mean, and added."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis
        self.narrow, self.wide = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(3, 4, 3, padding=2, dilation=2)
        self.weigh, self.mix, self.head = nn.Linear(4, 8), nn.Conv2d(4, 4, 3, padding=1), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.stack([self.narrow(x), self.wide(x)], dim=self.axis)
        weights = self.weigh(x.sum(1).mean((2, 3))).view(-1, 2, 4, 1, 1).softmax(1)
        return self.head(self.mix((x * weights).sum(1)).mean((2, 3)))

    def slow(self, r: Reference, x: Map) -> Tensor:
        left, right = r.conv(x, self.narrow), r.conv(x, self.wide)
        weights = self.weigh(r.mean(r.add(left, right))).view(2, 4, 1, 1).softmax(0)
        left, right = (r.each(m, lambda v, w=w: v * w) for m, w in zip((left, right), weights, strict=True))
        return self.head(r.mean(r.conv(r.add(left, right), self.mix)))


@pytest.mark.parametrize("axis", [1, -4])
def test_stacked_branches(axis: int) -> None:
    assert_reference(Stacked(axis), policies=[p for p in POLICIES if p.get("join") != "and"])


class ResponseNormalised(Toy):
    """ConvNeXt V2: every channel divided by its norm over all positions."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.mix, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).permute(0, 2, 3, 1)
        norm = x.norm(p=2, dim=(1, 2), keepdim=True)
        assert torch.is_tensor(norm)
        x = torch.addcmul(self.head.bias[0], self.stem.bias, x * (norm / (norm.mean(-1, keepdim=True) + 1e-6)))
        return self.head(self.mix(x.permute(0, 3, 1, 2)).mean((2, 3)))

    def slow(self, r: Reference, x: Map) -> Tensor:
        x = r.conv(x, self.stem)
        norm = x.zeroed.flatten(1).norm(dim=1)
        scale = (self.stem.bias * norm / (norm.mean() + 1e-6))[:, None, None]
        return self.head(r.mean(r.conv(r.each(x, lambda v: self.head.bias[0] + v * scale), self.mix)))


def test_norm_over_positions() -> None:
    assert_reference(ResponseNormalised())


def test_a_slice_of_channels_keeps_the_positions_of_its_branch() -> None:
    class Branches(Toy):
        def __init__(self, back: Callable[[Tensor], Tensor]) -> None:
            super().__init__()
            self.back = back
            self.wide, self.mix, self.head = nn.Conv2d(3, 4, 5, padding=2), nn.Conv2d(3, 4, 1), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            x = torch.cat([x, self.wide(x)], 1) + 1
            return self.head(self.mix(self.back(x)).mean((2, 3)))

        def slow(self, r: Reference, x: Map) -> Tensor:
            return self.head(r.mean(r.conv(r.each(x, lambda v: v + 1), self.mix)))

    for back in (lambda x: x[:, :3], lambda x: x[:, 0:-4, :, :], lambda x: torch.split(x, [3, 4], 1)[0]):
        assert_reference(Branches(back), (9, 7), [{}, {"threshold": 0.5}])


class After(nn.Module):
    """What the tested function makes of a feature map (N, 4, 8, 8) ends in a linear layer."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function, self.stem, self.head = function, nn.Conv2d(3, 4, 3, padding=1), nn.LazyLinear(2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.function(self.stem(x))
        return self.head(x.mean((2, 3)) if x.ndim == 4 else x.flatten(1))


def written(x: Tensor) -> Tensor:
    buffer = torch.zeros(x.shape, dtype=x.dtype)
    buffer[:, :, 1:] = x[:, :, :-1]
    return buffer


def written_out(x: Tensor) -> Tensor:
    buffer = torch.zeros(x.shape, dtype=x.dtype)
    torch.add(x, 1, out=buffer)
    return buffer


def added_to_a_view(x: Tensor) -> Tensor:
    buffer = torch.zeros(x.shape, dtype=x.dtype)
    buffer[:, :2].add_(x[:, :2])
    return buffer


def multiplied_through_a_view(x: Tensor) -> Tensor:
    wide = F.conv2d(x, torch.ones(2, 4, 5, 5, dtype=x.dtype), padding=2)
    x[:, :2].mul_(wide)
    return x


MIXING: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "data": (lambda x: x.data, "data"),
    "cumsum": (lambda x: x.cumsum(3), "cumsum"),
    "sort": (lambda x: x.sort(2)[0], "sort"),
    "topk": (lambda x: x.flatten(2).topk(3)[0], "topk"),
    "gather": (lambda x: x.gather(2, torch.zeros(len(x), 4, 1, 8, dtype=torch.long)), "gather"),
    "one position": (lambda x: x[:, :, 0, 0], "still has positions"),
    "one photograph": (lambda x: x[0:1] + x, "laid out differently"),
    "unfold": (lambda x: F.unfold(x, 3), "unfold"),
    "Tensor.unfold": (lambda x: x.unfold(2, 2, 2).mean(-1), "unfold"),
    "pixel_shuffle": (lambda x: F.pixel_shuffle(x, 2), "pixel_shuffle"),
    "pixel_unshuffle": (lambda x: F.pixel_unshuffle(x, 2), "pixel_unshuffle"),
    "space to depth": (lambda x: x.view(len(x), 4, 4, 2, 4, 2).permute(0, 1, 3, 5, 2, 4).reshape(len(x), 16, 4, 4), "only one of height and width"),
    "grid_sample": (lambda x: F.grid_sample(x, torch.zeros(len(x), 2, 2, 2, dtype=x.dtype), align_corners=False), "grid_sample"),
    "conv1d": (lambda x: F.conv1d(x.flatten(2), torch.ones(4, 4, 1, dtype=x.dtype)), "conv1d"),
    "conv3d": (lambda x: F.conv3d(x.unsqueeze(1), torch.ones(1, 1, 3, 3, 3, dtype=x.dtype), padding=1).squeeze(1), "conv3d"),
    "aten": (lambda x: torch.ops.aten.relu(x), "relu"),
    "var": (lambda x: x.var((2, 3)), "var"),
    "min": (lambda x: x.amin((2, 3)), "amin"),
    "logsumexp": (lambda x: x.logsumexp((2, 3)), "logsumexp"),
    "max with indices": (lambda x: x.flatten(2).max(2)[0], "max"),
    "max pool with indices": (lambda x: F.max_pool2d(x, 2, return_indices=True)[0], "max_pool2d"),
    "bicubic": (lambda x: F.interpolate(x, scale_factor=2, mode="bicubic"), "bicubic"),
    "mean over height": (lambda x: x.mean(2), "only one of height and width"),
    "mean by two steps": (lambda x: x.mean(3).mean(2), "only one of height and width"),
    "mean over everything": (lambda x: x - x.mean(), "mean"),
    "sum over photographs": (lambda x: x + x.sum(0, keepdim=True), "photographs"),
    "cat of photographs": (lambda x: torch.cat([x, x]).unflatten(0, (2, -1)).mean(0), "photographs"),
    "channels and positions swapped": (lambda x: x.permute(0, 2, 1, 3).reshape(x.shape), "only one of height and width"),
    "reshaped without permuting": (lambda x: x.reshape(len(x), 8, 8, 4).permute(0, 3, 1, 2), "only one of height and width"),
    "width into channels": (lambda x: x.view(len(x), 8, 8, 4), "only one of height and width"),
    "local windows": (lambda x: x.view(len(x), 4, 2, 4, 2, 4).mean((3, 5)), "only one of height and width"),
    "padded batch": (lambda x: F.pad(x, (0, 0, 0, 0, 0, 0, 0, 1))[:-1], "pad"),
    "written into another": (written, "__setitem__"),
    "copied into another": (lambda x: torch.zeros(x.shape, dtype=x.dtype).copy_(x), "copy_"),
    "out": (written_out, "add"),
    "added to a view": (added_to_a_view, "through a view"),
    "multiplied through a view": (multiplied_through_a_view, "through a view"),
    "foreach": (lambda x: torch._foreach_add([x], 1.0)[0], "_foreach_add"),
    "foreach in place": (lambda x: (torch._foreach_add_([x], 1.0), x)[1], "_foreach_add_"),
    "in place squeeze": (lambda x: x.unsqueeze_(1).squeeze_(1), "unsqueeze_"),
    "numpy": (lambda x: torch.from_numpy(x.detach().numpy() * 2), "numpy"),
    "tolist": (lambda x: x + len(x.tolist()), "tolist"),
    "bool": (lambda x: x if torch.equal(x, x) else -x, "equal"),
    "deepcopy": (lambda x: x.__deepcopy__({}), "deepcopy"),
}  # fmt: skip


MOVING: dict[str, Callable[[Tensor], Tensor]] = {
    "roll": lambda x: torch.roll(x, 1, 2),
    "flip": lambda x: x.flip(3),
    "fliplr": lambda x: torch.fliplr(x),
    "rot90": lambda x: torch.rot90(x, 1, (2, 3)),
    "transposed square": lambda x: x.transpose(2, 3),
    "permuted square": lambda x: x.permute(0, 1, 3, 2),
    "mT": lambda x: x.mT,
    "T": lambda x: x[:, 0].flatten(1).T.T,
    "index_select": lambda x: x.index_select(2, torch.arange(8)),
    "index by tensor": lambda x: x[:, :, torch.arange(8)],
    "index by mask": lambda x: x[:, :, torch.ones(8, dtype=torch.bool)],
    "new axis": lambda x: x[:, None, 0],
    "unbind": lambda x: torch.cat([y[None] for y in x]),
    "einsum": lambda x: torch.einsum("nchw,dc->ndhw", x, torch.ones(4, 4, dtype=x.dtype)),
    "matmul": lambda x: x @ x,
    "bmm": lambda x: torch.bmm(x.flatten(2), x.flatten(2).transpose(1, 2)),
    "attention": lambda x: F.scaled_dot_product_attention(*[x.flatten(2).transpose(1, 2)] * 3),
    "cat of positions": lambda x: torch.cat([x, x], 2),
    "chunks of positions": lambda x: x.chunk(2, 3)[0],
    "repeat": lambda x: x.repeat(1, 1, 2, 1),
    "batch into channels": lambda x: x.view(1, -1, 8, 8).view(x.shape),
    "channels into batch": lambda x: x.view(-1, 1, 8, 8).view(x.shape),
    "channels into height": lambda x: x.flatten(1, 2),
}  # fmt: skip


@pytest.mark.parametrize("name", MOVING)
def test_what_moves_positions_is_followed(name: str) -> None:
    """Wherever positions go, hidden pixels do not matter, and with nothing hidden nothing changes."""
    model, image, masks = After(MOVING[name]), photo((8, 8)), masks_for((8, 8))
    with torch.no_grad():
        model(torch.rand(2, 3, 8, 8))
        randomise(model)
        assert_hidden_pixels_do_not_matter(model, (8, 8))
        plain = plain_logits(model, image, len(masks))
        for policy in POLICIES:
            got = logits(model, image, masks, **policy)
            assert torch.equal(got[0], plain[0])
            assert torch.isfinite(got).all()
            assert not torch.allclose(got[2], plain[2])


@pytest.mark.parametrize("name", MIXING)
def test_what_loses_positions_is_refused_by_name(name: str) -> None:
    function, culprit = MIXING[name]
    model = After(function)
    with torch.no_grad():
        model(torch.rand(2, 3, 8, 8))
    with pytest.raises(NotApplicableError, match=culprit):
        logits(randomise(model), photo((8, 8)), torch.ones(2, 8, 8))


class Ghost(Toy):
    """GhostNet: a slice of a concatenation, to which another branch is added in place; the rest is never read."""

    def __init__(self) -> None:
        super().__init__()
        self.narrow, self.wide = nn.Conv2d(3, 2, 3, padding=1), nn.Conv2d(3, 3, 5, padding=2)
        self.mix, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        ghost = torch.cat([self.narrow(x), self.narrow(x)], 1)[:, :3]
        ghost += self.wide(x)
        return self.head(self.mix(ghost).mean((2, 3)))

    def slow(self, r: Reference, x: Map) -> Tensor:
        ghost = r.cat([r.conv(x, self.narrow)] * 2)
        ghost = Map(ghost.values[:3], ghost.on[:3], ghost.valid)
        return self.head(r.mean(r.conv(r.add(ghost, r.conv(x, self.wide)), self.mix)))


def test_a_change_in_place_of_a_view_whose_source_is_not_read_again() -> None:
    assert_reference(Ghost())


@pytest.mark.parametrize("batch", [1, 2, 4, 8])
def test_a_batch_as_large_as_an_axis_confuses_nothing(batch: int) -> None:
    """N = C = 4 and N = h = w = 8."""
    model, image = After(shuffled_square), photo((8, 8))
    with torch.no_grad():
        model(torch.rand(2, 3, 8, 8))
    masks = masks_for((8, 8))[2:3].expand(batch, -1, -1)
    got = logits(randomise(model), image, masks)
    torch.testing.assert_close(got, logits(model, image, masks[:1]).expand_as(got))


def shuffled_square(x: Tensor) -> Tensor:
    n, c, h, w = x.shape
    return x.view(n, 2, 2, h, w).transpose(1, 2).reshape(n, c, h, w)


def test_reductions_of_nothing_are_zero() -> None:
    for reduce in (
        lambda x: x.mean((2, 3)),
        lambda x: x.sum([-2, -1]),
        lambda x: x.amax((2, 3)),
        lambda x: x.flatten(2).mean(2),
    ):
        model = After(reduce)
        with torch.no_grad():
            model(torch.rand(2, 3, 8, 8))
        got = logits(randomise(model), photo((8, 8)), torch.zeros(1, 8, 8))
        assert torch.equal(got[0], model.head.bias)
