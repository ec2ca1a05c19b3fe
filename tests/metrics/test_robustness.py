"""ρ-robustness against a loop over contexts, and on models whose answer is known."""

from __future__ import annotations

from itertools import islice

import pytest
import torch
from torch import Tensor, nn

from unseen import Classifier, Preprocessing
from unseen.explainers.robust.contexts import SolidColours
from unseen.explainers.robust.planting import plant
from unseen.metrics.robustness import robustness

SIZE = Preprocessing((16, 16), None, mean=(0, 0, 0), std=(1, 1, 1))


class Corner(nn.Module):
    """Class 0 where the top left pixel is brighter than the mean of the picture."""

    def forward(self, x: Tensor) -> Tensor:
        difference = x[:, :, 0, 0].mean(1) - x.mean((1, 2, 3))
        return torch.stack([difference, -difference], dim=1)


@pytest.fixture
def corner() -> Classifier:
    return Classifier(Corner(), SIZE)


def random_parts(count: int) -> Tensor:
    return torch.rand(count, 16, 16, generator=torch.Generator().manual_seed(1)) > 0.7


def test_equals_a_loop_over_contexts(corner: Classifier) -> None:
    image = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(0))
    parts, colours = random_parts(3), list(islice(SolidColours(3).of("x", 0), 11))
    for batch_size in (1, 4, 16, 64):
        found = robustness(corner, image, parts, colours, 0, batch_size=batch_size)
        slow = [sum(corner.logits(plant(image, p, c)[None]).argmax() == 0 for c in colours) for p in parts]
        assert (found.hits.tolist(), found.contexts) == ([int(value) for value in slow], 11)
        said = [sum(float(corner.logits(plant(image, p, c)[None]).softmax(1)[0, 0]) for c in colours) for p in parts]
        assert found.confidence.tolist() == pytest.approx(said, rel=1e-5)
    assert 0 < int(found.hits.sum()) < 33


def test_a_part_that_decides_alone_is_fully_robust_and_an_empty_one_is_not(corner: Classifier) -> None:
    image = torch.zeros(3, 16, 16)
    image[:, 0, 0] = 1
    parts = torch.zeros(2, 16, 16, dtype=torch.bool)
    parts[0, 0, 0] = True
    found = robustness(corner, image, parts, islice(SolidColours().of("x", 0), 20), 0)
    assert found.contexts == 20
    assert found.hits[0] == 20
    assert found.hits[1] == 20 or found.hits[1] == 0  # a solid colour is a draw, which argmax gives to class 0


def test_in_the_place_of_a_necessary_part_contexts_take_the_class_away(corner: Classifier) -> None:
    image = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(0))
    parts, colours = random_parts(2), list(islice(SolidColours(3).of("x", 0), 9))
    gone = robustness(corner, image, parts, colours, 0, necessary=True)
    kept = robustness(corner, image, ~parts, colours, 0)
    assert (gone.hits + kept.hits).tolist() == [9, 9]
    assert torch.allclose(gone.confidence, kept.confidence)
