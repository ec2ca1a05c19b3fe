from __future__ import annotations

import pytest
import torch

from unseen.classifier.outputs import OUTPUTS, Value
from unseen.errors import NotApplicableError, ParameterError


def test_a_value_holds_within_a_tolerance_of_the_whole_image() -> None:
    outputs = OUTPUTS.create("value:tolerance=5,unit=years")
    scores = outputs.scores(torch.tensor([[63.0], [59.0], [68.5]]), 3, "Net")
    assert torch.equal(outputs.readings(scores), scores)
    assert outputs.bound(torch.tensor([60.0])).holds(scores, 0).tolist() == [True, True, False]
    assert outputs.told(63.04) == "63.04 years"
    assert outputs.unit == "years"


def test_the_tolerance_is_a_tenth_of_the_value_by_default() -> None:
    values = torch.tensor([[-9.2], [-8.8], [-11.1]])
    assert Value().bound(torch.tensor([-10.0])).holds(values, 0).tolist() == [True, False, False]


def test_of_no_image_it_is_not_known_whether_a_value_holds() -> None:
    with pytest.raises(ParameterError, match="known only of an image"):
        Value().holds(torch.zeros(1, 1), 0)


def test_no_image_is_without_information_for_a_value() -> None:
    with pytest.raises(NotApplicableError, match="no probabilities"):
        Value().logs(torch.zeros(1, 1))
