"""Where masks and maps lie after the network has moved its input about: against the network that is given it moved."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.checks import assert_hidden_pixels_do_not_matter, logits, masks_for, photo, randomise
from unseen.errors import NotApplicableError

SIZE = 24

MOVES: dict[str, Callable[[Tensor], Tensor]] = {
    "mirror": lambda x: x.flip(-1),
    "turned and transposed": lambda x: torch.rot90(x.transpose(2, 3), 1, (2, 3)),
    "upside down": lambda x: torch.flip(x, (2,)),
    "crop": lambda x: x[..., 8:20, 4:16],
    "crop by narrow": lambda x: x.narrow(2, 4, 16).narrow(3, 0, 16),
    "crop by a negative border": lambda x: F.pad(x, (-8, 0, -4, -4)),
    "crop and mirror": lambda x: x[..., 4:, :20].flip(-1),
    "mirror and crop": lambda x: x.flip(-1)[..., 4:, :20],
    "transpose": lambda x: x.transpose(2, 3),
    "permute": lambda x: x.permute(0, 1, 3, 2).contiguous(),
    "quarter turn": lambda x: torch.rot90(x, 1, (2, 3)),
    "half turn": lambda x: x.rot90(2, (-2, -1)),
    "roll": lambda x: x.roll(7, -1),
    "roll both": lambda x: torch.roll(x, (5, -9), (2, 3)),
    "index_select": lambda x: x.index_select(3, torch.arange(SIZE - 1, 3, -1)),
    "index": lambda x: x[:, :, torch.arange(20)],
    "chunk": lambda x: x.chunk(2, 2)[1],
    "circular border": lambda x: F.pad(x, (8, 4, 4, 8), "circular"),
    "reflected border": lambda x: F.pad(x, (8, 8, 8, 8), "reflect"),
    "twice side by side": lambda x: torch.cat([x, x.flip(-1)], 3),
    "halves swapped": lambda x: torch.cat([x[..., 12:], x[..., :12]], 3),
}


class Inner(nn.Module):
    """Strides, pools and paddings, as in any stem."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.body, self.pool, self.head = nn.Conv2d(4, 5, 3, padding=1), nn.AvgPool2d(2), nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.body(self.pool(self.stem(x).relu())).relu().mean((2, 3)))
        return logits


class Moved(nn.Module):
    """A network that moves its input before the first layer, and joins what several moves give."""

    def __init__(self, inner: nn.Module, join: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.inner, self.join = inner, join

    def forward(self, x: Tensor) -> Tensor:
        return self.join(self.inner, x)


def masks_of(size: int = SIZE) -> Tensor:
    """Everything; halves; a corner; a rectangle off the grid of any layer."""
    masks = torch.zeros(5, size, size)
    masks[0] = masks[1, :, : size // 2] = masks[2, size // 2 :] = masks[3, :7, :9] = masks[4, 5:14, 3:20] = 1
    return masks


@pytest.mark.parametrize("travel", ["dilating", "pooled"])
@pytest.mark.parametrize("name", MOVES)
def test_a_moved_input_is_hidden_where_its_pixels_came_from(name: str, travel: str) -> None:
    move, inner, image, masks = MOVES[name], randomise(Inner()), photo((SIZE, SIZE)), masks_of()
    got = logits(Moved(inner, lambda net, x: net(move(x))), image, masks, travel=travel)
    moved = move(masks[:, None])[:, 0]
    torch.testing.assert_close(got, logits(inner, move(image[None])[0], moved, travel=travel), atol=1e-9, rtol=1e-6)
    assert not torch.allclose(got[0], got[4])


def crops(x: Tensor) -> list[Tensor]:
    return [x[..., :16, :16], x[..., 8:, 4:20], x[..., 4:20, 8:].flip(-1)]


JOINS: dict[str, tuple[Callable[[nn.Module, Tensor], Tensor], Callable[[Tensor], list[Tensor]]]] = {
    "mirror, two calls": (lambda net, x: (net(x) + net(x.flip(-1))) / 2, lambda x: [x, x.flip(-1)]),
    "mirror, one batch": (
        lambda net, x: net(torch.cat([x, x.flip(-1)])).view(2, len(x), -1).mean(0),
        lambda x: [x, x.flip(-1)],
    ),
    "twice the same": (lambda net, x: net(torch.cat([x, x])).view(2, len(x), -1).mean(0), lambda x: [x, x]),
    "four turns, one batch": (
        lambda net, x: sum(net(torch.cat([x.rot90(k, (2, 3)) for k in range(4)])).chunk(4)) / 4,
        lambda x: [x.rot90(k, (2, 3)) for k in range(4)],
    ),
    "crops, stacked": (lambda net, x: net(torch.stack(crops(x), 1).flatten(0, 1)).view(len(x), 3, -1).mean(1), crops),
    "crops, one batch": (lambda net, x: torch.stack(net(torch.cat(crops(x))).chunk(3)).mean(0), crops),
    "crops, several calls": (lambda net, x: sum(net(one) for one in crops(x)) / 3, crops),
    "halves as a batch": (
        lambda net, x: (
            net(x.view(len(x), 3, SIZE, 2, SIZE // 2).permute(0, 3, 1, 2, 4).flatten(0, 1)).view(len(x), 2, -1).mean(1)
        ),
        lambda x: list(x.chunk(2, 3)),
    ),
}


@pytest.mark.parametrize("travel", ["dilating", "pooled"])
@pytest.mark.parametrize("name", JOINS)
def test_several_looks_are_each_hidden_at_their_place(name: str, travel: str) -> None:
    join, pieces = JOINS[name]
    inner, image, masks = randomise(Inner()), photo((SIZE, SIZE)), masks_of()
    got = logits(Moved(inner, join), image, masks, travel=travel)
    parts = zip(pieces(image[None]), pieces(masks[:, None]), strict=True)
    expected = torch.stack([logits(inner, one[0], mask[:, 0], travel=travel) for one, mask in parts]).mean(0)
    torch.testing.assert_close(got, expected, atol=1e-9, rtol=1e-6)


def letterboxed(x: Tensor) -> Tensor:
    return F.pad(x, (0, 0, 8, 8))


@pytest.mark.parametrize("travel", ["dilating", "pooled"])
def test_a_letterbox_is_neither_on_nor_off_and_moves_the_mask(travel: str) -> None:
    """What is hidden leaves no trace, and what is shown does."""
    image, masks = photo((16, 32)), torch.zeros(2, 16, 32)
    masks[0] = masks[1, :8] = 1
    model = Moved(randomise(Inner()), lambda net, x: net(letterboxed(x)))
    got = logits(model, image, masks, travel=travel)
    for visible, same in ((masks[1] > 0, True), (masks[1] == 0, False)):
        other = torch.where(visible, image, torch.rand(3, 16, 32).to(image))
        again = logits(model, other, masks[1:], travel=travel)
        assert torch.allclose(again[0], got[1]) == same


class Halves(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.conv(x[:, :, :, :4]).mean((2, 3)) + self.conv(x[..., 4:]).mean((2, 3)))


@pytest.mark.parametrize("travel", ["dilating", "pooled"])
def test_crops_of_the_map_follow(travel: str) -> None:
    model, image, masks = randomise(Halves()), photo((8, 8)), torch.zeros(2, 8, 8)
    masks[0, :, :4] = masks[1] = 1
    got = logits(model, image, masks, travel=travel)
    torch.testing.assert_close(got[0], model.head(model.conv(image[None, :, :, :4]).mean((2, 3)))[0])


def test_maps_that_show_several_places_at_one_position_have_no_pooled_mask() -> None:
    """A map and its mirror image, added: dilating, each is switched off where it is hidden."""

    class Added(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.other, self.head = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3), nn.Linear(4, 2)
            self.last = nn.Conv2d(4, 4, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.last(self.one(x) + self.other(x.flip(3))).mean((2, 3)))

    model, image, masks = randomise(Added()), photo((8, 8)), masks_for((8, 8))
    assert_hidden_pixels_do_not_matter(model, (8, 8), [{}, {"threshold": 0.5}])
    with torch.no_grad():
        assert torch.equal(logits(model, image, masks)[0], model(image.expand(len(masks), -1, -1, -1))[0])
    with pytest.raises(NotApplicableError, match="several places of the photograph at one position"):
        logits(model, image, masks, travel="pooled")
