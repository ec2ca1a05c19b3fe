"""Activation–Deactivation along one axis and three: what it promises of images it promises of signals and volumes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from helpers.processor import generator
from helpers.spatial import NETWORKS, SPACES, Causal, Plain, Recurrent, seeded, space_of
from unseen import Classifier, Preprocessing
from unseen.errors import NotApplicableError
from unseen.explainers import METHODS, map_of
from unseen.removal import REMOVALS, MaskedClassifier

SPECS = ("ad", "ad:pooled", "ad:threshold=0.5", "ad:pooled,fill=neighbour", "ad:pooling=all")
CROPPED = ("plain", "group-avg", "residual", "tokens", "inception")
"""Networks of strides and windows that a crop does not move, as for images."""


def classifier_of(network: nn.Module, space: tuple[int, ...]) -> Classifier:
    return Classifier(network.eval(), Preprocessing(space, None, mean=(0.5, 0.5), std=(0.5, 0.5)))


def picture(space: tuple[int, ...], seed: int = 1) -> Tensor:
    return torch.rand(2, *space, generator=generator(seed))


def bound(name: str, spec: str, image: Tensor | None = None) -> MaskedClassifier:
    space = space_of(name)
    return REMOVALS.create(spec).bind(
        classifier_of(NETWORKS[name](), space), picture(space) if image is None else image
    )


def half(space: tuple[int, ...], axis: int = 0) -> Tensor:
    mask = torch.zeros(space)
    mask.movedim(axis, 0)[: space[axis] // 2] = 1
    return mask


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_nothing_hidden_is_the_plain_network_and_what_is_hidden_is_never_seen(name: str) -> None:
    space, image = space_of(name), picture(space_of(name))
    for spec in SPECS:
        if name.startswith("causal") and "pooled" in spec:
            with pytest.raises(NotApplicableError, match="reads a map that shows several places"):
                bound(name, spec)
            continue
        masked = bound(name, spec)
        plain = masked.classifier.logits(image[None])
        torch.testing.assert_close(masked(torch.ones(1, *space)), plain, atol=1e-5, rtol=1e-5)
        hidden = torch.stack([half(space), half(space, len(space) - 1)])
        other = torch.where(hidden[0] > 0, image, picture(space, 5))
        here, there = masked(hidden[:1]), REMOVALS.create(spec).bind(masked.classifier, other)(hidden[:1])
        torch.testing.assert_close(here, there, atol=1e-5, rtol=1e-5)
        assert float((masked(hidden) - plain).abs().max()) > 1e-3


@pytest.mark.parametrize("name", [name for name in sorted(NETWORKS) if name[:-2] in CROPPED])
def test_pooled_it_is_the_real_crop(name: str) -> None:
    """A half that is shown alone gives the logits of the network that is fed that half, along every axis."""
    space = space_of(name)
    masked = bound(name, "ad:pooled")
    for axis in range(len(space)):
        alone = picture(space).narrow(axis + 1, 0, space[axis] // 2)
        expected = masked.classifier.logits(alone[None])
        torch.testing.assert_close(masked(half(space, axis)[None]), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("axes", [1, 3])
def test_masks_travel_by_counting_the_positions_of_a_window(axes: int) -> None:
    """One position on: after two convolutions of 3 it has reached 5 along every axis, and no more."""
    from unseen.removal.deactivation.grid import Traveller, Window

    size = (11,) * axes
    mask = torch.zeros(1, *size)
    mask[(0, *(5,) * axes)] = 1
    traveller = Traveller(mask, "dilating", 0.0, torch.float32)
    window = Window((3,) * axes, (1,) * axes, (1,) * axes, (1,) * axes)
    grid = traveller.through_window(traveller.through_window(traveller.origin, window, size), window, size)
    expected = torch.zeros(1, 1, *size)
    expected[(0, 0, *(slice(3, 8),) * axes)] = 1
    assert torch.equal(grid.active, expected)
    strict = Traveller(mask, "dilating", 0.5, torch.float32)
    assert float(strict.through_window(strict.origin, window, size).active.sum()) == 0
    pooled = Traveller(half(size)[None], "pooled", 0.0, torch.float32)
    cells = pooled.at_size((2,) * axes).active[0, 0]
    assert bool((cells[0] == 1).all())
    assert bool((cells[1] == 0).all())


@pytest.mark.parametrize("axes", [1, 3])
def test_neighbours_fill_what_a_window_reaches(axes: int) -> None:
    from unseen.removal.deactivation.fill import neighbour_fill
    from unseen.removal.deactivation.grid import Grid

    size = (7,) * axes
    active = torch.zeros(1, 1, *size)
    active[(0, 0, *(slice(0, 3),) * axes)] = 1
    filled = neighbour_fill(torch.full((1, 2, *size), 3.0), Grid(active), 2)
    reached = filled[(slice(None), slice(None), *(slice(0, 5),) * axes)]
    torch.testing.assert_close(reached, torch.full_like(reached, 3.0))
    assert float(filled[(0, 0, *(6,) * axes)]) == 0


def test_recurrent_layers_are_refused_by_name() -> None:
    with pytest.raises(NotApplicableError, match=r"torch\.lstm in module 'lstm' takes positions"):
        REMOVALS.create("ad").bind(classifier_of(Recurrent(), (64,)), picture((64,)))


def test_layers_of_another_number_of_axes_are_refused_by_name() -> None:
    """Rows of a picture as a signal: positions are of two axes, and the convolution goes along one."""

    class Rows(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = nn.Conv1d(2, 4, 3, padding=1), nn.Linear(4, 3)
            seeded(self)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.body(x.flatten(2)).mean(2))

    with pytest.raises(
        NotApplicableError, match=r"conv1d.* meets positions that are not the last 1 axes of \(N, C, l\)"
    ):
        REMOVALS.create("ad").bind(classifier_of(Rows(), (8, 8)), picture((8, 8)))


@pytest.mark.parametrize("axes", [1, 3])
def test_class_activation_maps_lie_where_their_cells_are(axes: int) -> None:
    """CAM's mean over the input is the logit without its bias, for every number of axes."""
    space = SPACES[axes]
    masked = REMOVALS.create("grey").bind(classifier_of(Plain(axes), space), picture(space))
    network = masked.classifier.model
    assert isinstance(network, Plain)
    linear = network.head[2]
    assert isinstance(linear, nn.Linear)
    wanted = masked.classifier.logits(masked.image[None])[0, 0] - linear.bias[0]
    for name in ("cam", "grad-cam", "xgrad-cam", "layer-cam", "eigen-cam", "grad-cam++"):
        found = map_of(METHODS.create(name), masked, 0)
        assert found.shape == space
        if name == "cam":
            torch.testing.assert_close(found.mean(), wanted.detach(), atol=1e-3, rtol=1e-3)


def test_a_causal_network_looks_back_only() -> None:
    """What comes after the last sample that is shown changes nothing of what the others say."""
    masked = REMOVALS.create("ad").bind(classifier_of(Causal(), (64,)), picture((64,)))
    assert float((masked(half((64,))[None]) - masked(torch.ones(1, 64))).abs().max()) > 1e-3
