from __future__ import annotations

import torch

from unseen.classifier.outputs import Binary, Sigmoid, Value
from unseen.classifier.outputs.derived import Scored


def test_scores_that_are_scores_already_are_read_as_the_others() -> None:
    z = torch.tensor([[1.0, -2.0]])
    scores = Sigmoid(0.3).scores(z, 1, "Net")
    scored = Scored(Sigmoid(0.3))
    assert scored.scores(scores, 1, "Net") is scores
    assert torch.equal(scored.readings(scores), scores.sigmoid())
    assert [bool(scored.holds(scores, target)) for target in range(4)] == [True, False, False, True]
    assert scored.top(scores[0]) == 0
    assert scored.alternatives(4) == 2
    assert Scored(Binary()).labels(("x",)) == ("no x", "x")


def test_what_is_bound_to_an_image_stays_so() -> None:
    assert Scored(Sigmoid()).bound(torch.zeros(4)) == Scored(Sigmoid())
    bound = Scored(Value(tolerance=1)).bound(torch.tensor([3.0]))
    assert bound.holds(torch.tensor([[3.5], [5.0]]), 0).tolist() == [True, False]
