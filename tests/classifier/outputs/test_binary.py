from __future__ import annotations

import pytest
import torch

from unseen.classifier.outputs import OUTPUTS, Binary, Logits
from unseen.errors import ModelError, ParameterError


def test_one_number_is_two_logits() -> None:
    outputs, z = Binary(), torch.tensor([[3.0], [-1.0]])
    scores = outputs.scores(z, 2, "Net")
    torch.testing.assert_close(scores, torch.cat([-z / 2, z / 2], 1))
    torch.testing.assert_close(outputs.readings(scores)[:, 1], z[:, 0].sigmoid())
    for target in (0, 1):
        assert torch.equal(outputs.holds(scores, target), Logits().holds(scores, target))
    assert [outputs.top(row) for row in scores] == [1, 0]


def test_the_second_class_is_decided_for_from_its_threshold_on() -> None:
    outputs = OUTPUTS.create("binary:0.3")
    scores = outputs.scores(torch.tensor([[-0.5], [-1.0]]), 2, "Net")  # probabilities of 0.38 and 0.27
    assert outputs.holds(scores, 1).tolist() == [True, False]
    assert outputs.holds(scores, 0).tolist() == [False, True]


def test_two_names_or_one() -> None:
    assert Binary().labels(("healthy", "ill")) == ("healthy", "ill")
    assert Binary().labels(("nodule",)) == ("no nodule", "nodule")
    assert Binary().labels(None) is None
    with pytest.raises(
        ParameterError, match="tells two classes apart, and 3 labels were given; give two, or say outputs='logits'"
    ):
        Binary().labels(("a", "b", "c"))


def test_several_numbers_are_refused() -> None:
    with pytest.raises(ModelError, match=r"3 outputs, .*say 'logits'.*'sigmoid'"):
        Binary().scores(torch.rand(2, 3), 2, "Net")
