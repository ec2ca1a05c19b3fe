from __future__ import annotations

import pytest
import torch

from helpers.networks import Network, bound
from unseen.explainers.catalogue import CONTROLS, METHODS
from unseen.explainers.sufficient.search import map_of


@pytest.mark.parametrize("name", CONTROLS)
def test_the_model_does_not_matter(name: str) -> None:
    image = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(5))
    one, other = (
        bound(Network(), image=image),
        bound(Network(lambda n, x: n.head(x.mean((2, 3)).repeat(1, 2))), image=image),
    )
    method = METHODS.create(name)
    assert torch.equal(map_of(method, one, 0), map_of(method, other, 2))
    assert one.evaluations == 0


def test_noise_belongs_to_the_photograph_and_the_seed() -> None:
    method = METHODS.create("random")
    one, other = bound(Network()), bound(Network(), image=torch.rand(3, 16, 16))
    assert torch.equal(map_of(method, one, 0), map_of(method, one, 0))
    assert not torch.equal(map_of(method, one, 0), map_of(method, one, 0, seed=1))
    assert not torch.equal(map_of(method, one, 0), map_of(method, other, 0))


def test_edges_lie_where_the_photograph_changes() -> None:
    image = torch.zeros(3, 16, 16)
    image[:, :, 8:] = 1
    saliency = map_of(METHODS.create("edges"), bound(Network(), image=image), 0)
    assert set(saliency.nonzero()[:, 1].tolist()) == {7, 8}
