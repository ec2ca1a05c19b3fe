from __future__ import annotations

import pytest
import torch
from torch import nn

from unseen import Classifier, Preprocessing
from unseen.classifier.outputs import OUTPUTS, Embedding, Outputs, Sigmoid, Value
from unseen.classifier.outputs.derived import Scored
from unseen.classifier.outputs.together import Together
from unseen.errors import ParameterError
from unseen.removal import REMOVALS

PLAIN = Preprocessing((4, 4), None, mean=(0, 0, 0), std=(1, 1, 1))
BRIGHT, DARK = torch.full((3, 4, 4), 0.8), torch.full((3, 4, 4), 0.2)


class Counting(nn.Module):
    """The mean of every channel, and how often it was asked."""

    asked = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.asked += 1
        return x.mean((2, 3))


def test_what_is_bound_compares_with_the_whole_and_the_original_is_left_as_it_was() -> None:
    free = Value(tolerance=1)
    bound = free.bound(torch.tensor([3.0, 5.0]))
    assert (bound.whole(0), bound.whole(1)) == (3.0, 5.0)
    assert bound == free
    with pytest.raises(ParameterError, match="Value outputs holds is known only of an image; ask"):
        free.whole(0)


@pytest.mark.parametrize(
    ("outputs", "relative"),
    [
        (Value(), True),
        (Embedding([1.0]), True),
        (Scored(Value()), True),
        (Sigmoid(), False),
        (Scored(Sigmoid()), False),
        (Together(Sigmoid(), (0, 1)), False),
        *((OUTPUTS.create(name), False) for name in ("logits", "binary", "probabilities")),
    ],
)
def test_whose_decisions_are_about_one_image(outputs: Outputs, relative: bool) -> None:
    assert outputs.relative == relative


@pytest.mark.parametrize(("outputs", "passes"), [("value", 1), ("logits", 0)])
def test_a_neighbour_costs_a_pass_where_decisions_are_about_it_and_that_is_counted(outputs: str, passes: int) -> None:
    network = Counting()
    classifier = Classifier(network, PLAIN, outputs=outputs)
    masked = REMOVALS.create("black").bind(classifier, BRIGHT)
    before = network.asked
    with masked.for_image(DARK) as neighbour:
        assert network.asked - before == passes
        neighbour(torch.ones(1, 4, 4))
    assert masked.evaluations == passes + 1
