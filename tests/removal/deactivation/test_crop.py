"""A pass on a box around what is visible is the pass on the whole photograph."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from helpers.checks import classifier_of, photo, randomise
from unseen import Classifier
from unseen.removal.deactivation.activation import _KNOWN, ActivationDeactivation
from unseen.removal.deactivation.crop import STEP, around

SIZE = (128, 96)
POOLED = ActivationDeactivation("pooled")


@given(st.lists(st.tuples(*[st.integers(0, 127), st.integers(0, 95)] * 2), min_size=1, max_size=4))
def test_boxes_cover_what_is_visible_and_are_aligned(corners: list[tuple[int, int, int, int]]) -> None:
    masks = torch.zeros(len(corners), *SIZE)
    for mask, (y1, x1, y2, x2) in zip(masks, corners, strict=True):
        mask[min(y1, y2) : max(y1, y2), min(x1, x2) : max(x1, x2)] = 1
    boxes = around(masks)
    if boxes is None:
        return
    assert all(edge % STEP == 0 for edge in (*boxes.size, *boxes.top.tolist(), *boxes.left.tolist()))
    assert bool((boxes.top + boxes.size[0] <= SIZE[0]).all())
    assert bool((boxes.left + boxes.size[1] <= SIZE[1]).all())
    inside = boxes.of(masks)
    assert inside.shape == (len(masks), *boxes.size)
    assert torch.equal(inside.sum((1, 2)), masks.sum((1, 2)))
    assert torch.equal(boxes.of(masks[:, None])[:, 0], inside)


def test_much_that_is_visible_or_an_odd_size_is_not_cut() -> None:
    assert around(torch.ones(1, *SIZE)) is None
    assert around(torch.zeros(1, 100, 96)) is None
    assert around(torch.zeros(2, *SIZE)) is not None


class Network(nn.Module):
    """Strides, asymmetric explicit padding, dilation, a maximum, a branch, squeeze-and-excitation."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(3, 6, 3, 2), nn.BatchNorm2d(6), nn.SiLU())
        self.pool, self.wide = nn.MaxPool2d(3, 2, 1), nn.Conv2d(6, 6, 3, 1, 2, dilation=2, groups=6)
        self.gate, self.down = nn.Conv2d(12, 12, 1), nn.Conv2d(12, 8, 3, 2, 1)
        self.deep, self.head = nn.Conv2d(8, 8, 5, 2, 2), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.stem(x))
        x = torch.cat([x, x + torch.relu(self.wide(x))], 1)
        x = x * torch.sigmoid(self.gate(x.mean((2, 3), keepdim=True)))
        return self.head(torch.relu(self.deep(torch.relu(self.down(x)))).mean((2, 3)))


def random_masks(count: int, size: tuple[int, int], seed: int) -> Tensor:
    """Scattered pixels inside random rectangles."""
    generator = torch.Generator().manual_seed(seed)
    masks = torch.zeros(count, *size)
    for mask in masks:
        y, x = (int(torch.randint(0, side - 40, (), generator=generator)) for side in size)
        mask[y : y + 40, x : x + 40] = (torch.rand(40, 40, generator=generator) > 0.4).float()
    return masks


@settings(max_examples=12)
@given(st.integers(0, 10_000))
def test_cut_and_whole_passes_agree(seed: int) -> None:
    model, image, masks = randomise(Network()), photo(SIZE), random_masks(3, SIZE, seed)
    classifier = classifier_of(model, SIZE)
    bound: Any = POOLED.bind(classifier, image).forward
    assert POOLED in _KNOWN[classifier].cut
    pixels = image.expand(3, -1, -1, -1)
    with torch.no_grad():
        torch.testing.assert_close(bound(pixels, masks), bound(pixels, masks, whole=True), rtol=0, atol=1e-12)
        other = torch.where(masks[:, None] > 0, pixels, 1 - pixels)
        assert torch.equal(bound(pixels, masks), bound(other, masks))


def test_a_trained_network_is_cut_and_says_the_same(classifier: Classifier, photo: Tensor) -> None:
    bound: Any = POOLED.bind(classifier, photo).forward
    masks, pixels = random_masks(4, (224, 224), 0), photo.expand(4, -1, -1, -1)
    shapes: list[torch.Size] = []
    handle = classifier.model.register_forward_pre_hook(lambda _, args: shapes.append(args[0].shape))
    with torch.no_grad():
        cut, whole = bound(pixels, masks), bound(pixels, masks, whole=True)
    handle.remove()
    assert shapes[0][2] < 224
    assert shapes[1][2:] == (224, 224)
    torch.testing.assert_close(cut, whole, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    "policy", [{}, {"travel": "pooled", "fill": "neighbour"}, {"travel": "pooled", "pooling": "all"}]
)
def test_forms_that_see_more_than_the_box_are_never_cut(policy: dict[str, Any]) -> None:
    removal, classifier = ActivationDeactivation(**policy), classifier_of(randomise(Network()), SIZE)
    removal.bind(classifier, photo(SIZE))
    assert removal not in _KNOWN[classifier].cut


@pytest.mark.parametrize(
    "tail",
    [
        [nn.Flatten(), nn.Linear(6 * 16 * 12, 4)],  # for one size only
        [nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(96, 4)],  # for any size, but of which it makes something else
    ],
)
def test_networks_that_tell_a_box_from_a_photograph_are_never_cut(tail: list[nn.Module]) -> None:
    network = randomise(nn.Sequential(nn.Conv2d(3, 6, 3, 8, 1), nn.ReLU(), *tail))
    classifier = classifier_of(network, SIZE)
    POOLED.bind(classifier, photo(SIZE))
    assert POOLED not in _KNOWN[classifier].cut


class Remembering(nn.Module):
    """Keeps the size of the last image that it saw, as some windowed transformers do."""

    def __init__(self) -> None:
        super().__init__()
        self.network, self.seen = Network(), SIZE

    def forward(self, x: Tensor) -> Tensor:
        self.seen = (x.shape[-2], x.shape[-1])
        return self.network(x)


class Attentive(nn.Module):
    """Attention over the positions of a map; takes any size."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.head = nn.Conv2d(3, 6, 16, 16), nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        return self.head(((tokens @ tokens.transpose(1, 2)).softmax(-1) @ tokens).mean(1))


@pytest.mark.parametrize("kind", [Remembering, Attentive])
def test_networks_that_may_keep_the_size_they_saw_are_never_cut_and_left_as_they_were(kind: type[nn.Module]) -> None:
    classifier = classifier_of(randomise(kind()), SIZE)
    POOLED.bind(classifier, photo(SIZE))
    assert POOLED not in _KNOWN[classifier].cut
    assert getattr(classifier.model, "seen", SIZE) == SIZE
