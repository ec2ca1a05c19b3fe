"""Networks that see every cell of a grid by itself."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from helpers.networks import Network
from unseen import Classifier, Preprocessing
from unseen.classifier.outputs import Sigmoid, Value
from unseen.classifier.outputs.base import Outputs
from unseen.classifier.outputs.logits import Logits
from unseen.explainers.catalogue import METHODS
from unseen.metrics.disconnected import ByCell, Disconnected, disconnected
from unseen.metrics.grid import compose
from unseen.pipeline.explain import explainer
from unseen.removal import REMOVALS
from unseen.removal.zero_information.descent import deficit

SIDE = 16
SCORES = torch.randn(2, 12, generator=torch.Generator().manual_seed(0))
"""Of two grids of four cells, each of three classes."""


def plain(*rgb: float) -> Tensor:
    return torch.tensor(rgb, dtype=torch.float32)[:, None, None].expand(3, SIDE, SIDE).contiguous()


RED, GREEN, BLUE, YELLOW = plain(1, 0, 0), plain(0, 1, 0), plain(0, 0, 1), plain(1, 1, 0)


def classifier_of(model: nn.Module) -> Classifier:
    return Classifier(model, Preprocessing((SIDE, SIDE), None, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)))


def test_disconnected_logits_are_those_of_every_cell_alone() -> None:
    network = Network().eval()
    stream = torch.Generator().manual_seed(0)
    photos = [torch.rand(2, 3, 8, 8, generator=stream) for _ in range(4)]
    rows = [torch.cat(photos[:2], 3), torch.cat(photos[2:], 3)]
    together = Disconnected(network, 2)(torch.cat(rows, 2))
    apart = torch.cat([network(photo) for photo in photos], dim=1)
    assert torch.allclose(together, apart, atol=1e-5)
    classifier = classifier_of(Network().train())
    fingerprint = classifier.fingerprint
    logits = disconnected(classifier, 2).logits(compose([RED, GREEN, BLUE, YELLOW], [0] * 4, "tiled").image[None])
    expected = torch.cat([classifier.logits(photo[None]) for photo in (RED, GREEN, BLUE, YELLOW)], dim=1)
    assert torch.allclose(logits, expected, atol=1e-5)
    assert classifier.model.training
    assert classifier.fingerprint == fingerprint


@pytest.mark.parametrize("cell", range(4))
@pytest.mark.parametrize("method", ["grad-cam", "layer-cam", "score-cam"])
def test_a_class_activation_map_lies_in_its_own_disconnected_cell(method: str, cell: int) -> None:
    """Its features are of one cell among a batch of them; spread over the grid they would be wrong."""
    network = classifier_of(Network())
    grid = compose([RED, GREEN, BLUE, YELLOW], [0] * 4, "tiled")
    explained = explainer(METHODS.create(method), REMOVALS.create("black"))
    classes = network.logits(RED[None]).shape[1]
    target = classes * cell + int(network.logits(RED[None]).argmax())
    saliency = explained(disconnected(network, 2), grid.image, target)
    own = grid.regions[cell]
    assert bool(saliency[own].any())
    assert not bool(saliency[~own].any())


@pytest.mark.parametrize("of", [Logits(), Sigmoid()])
def test_all_that_is_said_of_a_cell_is_what_its_own_outputs_say(of: Outputs) -> None:
    cells = SCORES.reshape(2, 4, 3) if isinstance(of, Logits) else torch.cat([SCORES.reshape(2, 4, 3)] * 2, 2)
    grid, width = ByCell(of, 4), cells.shape[2]
    scores = cells.flatten(1)
    assert grid.alternatives(scores.shape[1]) == of.alternatives(width)
    apart = [of.logs(cells[:, cell]) for cell in range(4)]
    assert torch.allclose(grid.logs(scores), torch.cat(apart, 1))
    total = sum(deficit(logs, of.alternatives(width)) for logs in apart)
    assert torch.allclose(deficit(grid.logs(scores), grid.alternatives(scores.shape[1])), total, atol=1e-5)
    target = torch.tensor([[2 * width + 1], [width]])  # of the third cell, and of the second
    others = grid.others(scores, target).unflatten(1, (4, width))
    expected = torch.stack(apart, 1)
    expected[0, 2] = of.others(cells[:1, 2], torch.tensor([[1]]))[0]
    expected[1, 1] = of.others(cells[1:, 1], torch.tensor([[0]]))[0]
    assert torch.allclose(others, expected)
    for column in range(scores.shape[1]):
        cell, there = divmod(column, width)
        assert torch.allclose(grid.degree(scores, column), of.degree(cells[:, cell], there))
        assert grid.unnamed(column, 4 * width) == of.unnamed(there, width)
    assert list(grid.listed(scores.shape[1])) == list(of.listed(width))


def test_values_are_bound_cell_by_cell() -> None:
    bound = ByCell(Value(tolerance=0.1), 4).bound(SCORES[0])
    for column in range(12):
        moved = SCORES[:1].clone()
        assert bool(bound.holds(moved, column))
        moved[0, column] += 0.2
        assert [bool(bound.holds(moved, other)) for other in range(12)] == [other != column for other in range(12)]


def test_the_zero_point_of_a_class_changes_no_other_cell() -> None:
    network = classifier_of(Network())
    grid = compose([RED, GREEN, BLUE, YELLOW], [0] * 4, "tiled")
    classes = network.logits(RED[None]).shape[1]
    explained = explainer(METHODS.create("zipo-class:most=3"), REMOVALS.create("grey"))
    for cell in range(2):
        target = classes * cell + int(network.logits((RED, GREEN)[cell][None]).argmax())
        saliency = explained(disconnected(network, 2), grid.image, target)
        outside = saliency[~grid.regions[cell]].abs().sum()  # of the divergence of what stays: rounding
        assert float(outside) < 1e-3 * float(saliency.abs().sum())
