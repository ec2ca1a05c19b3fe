from __future__ import annotations

import math

import pytest
import torch

from unseen.classifier.outputs import Logits
from unseen.errors import ModelError


def test_the_class_on_top_is_decided_for_and_readings_are_the_softmax() -> None:
    outputs, logits = Logits(), torch.tensor([[0.0, 2.0, 1.0], [3.0, 0.0, 0.0]])
    assert outputs.scores(logits, 2, "Net") is logits
    assert torch.equal(outputs.readings(logits), logits.softmax(1))
    assert outputs.holds(logits, 1).tolist() == [True, False]
    assert [outputs.top(row) for row in logits] == [1, 0]
    assert outputs.labels(("a", "b", "c")) == ("a", "b", "c")
    assert outputs.unnamed(2, 3) == "class 2"
    assert outputs.told(0.755) == "75.5 %"
    assert outputs.alternatives(3) == 3


def test_a_single_output_is_refused_with_what_it_may_mean() -> None:
    with pytest.raises(ModelError, match=r"a single output, .*'binary'.*'sigmoid'.*'value'.*'probabilities:binary'"):
        Logits().scores(torch.rand(2, 1), 2, "Net")


def test_of_the_other_classes_the_odds_stay() -> None:
    logits = torch.tensor([[1.0, 2.0, 3.0]])
    others = Logits().others(logits, torch.tensor([[1]]))
    assert others[0, 1] == -math.inf
    torch.testing.assert_close(others[:, [0, 2]], logits[:, [0, 2]].log_softmax(1))
