"""What is seen of a model before a photograph is explained; more of it is in ``pipeline/test_explain.py``."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from unseen import Classifier, Preprocessing
from unseen.classifier.decision import decide
from unseen.errors import ModelError

PLAIN = Preprocessing((16, 16), None, mean=(0, 0, 0), std=(1, 1, 1))
PHOTO = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(0))


class Judging(nn.Module):
    """Judges every photograph by some of those in the batch."""

    def __init__(self, by: slice) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.by, self.layers = by, nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 3))

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.layers(x - x[self.by].mean((0, 1, 2, 3)))
        return scores


@pytest.mark.parametrize("by", [slice(0, 1), slice(-1, None), slice(None)], ids=["first", "last", "all"])
def test_a_network_that_judges_by_others_in_the_batch_is_refused(by: slice) -> None:
    with pytest.raises(ModelError, match="when another is in the batch"):
        decide(PHOTO, Classifier(Judging(by), PLAIN))
    assert decide(PHOTO, Classifier(Judging(by), PLAIN), batch_size=1).evaluations == 1


def test_the_check_costs_three_evaluations_more() -> None:
    assert decide(PHOTO, Classifier(nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 3)), PLAIN)).evaluations == 4
