from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from unseen.classifier.answers import are_probabilities, check_finite, check_labels, logits_of
from unseen.errors import ModelError


def test_logits_are_found_in_a_tensor_and_in_what_transformers_return() -> None:
    logits = torch.rand(2, 3)
    assert logits_of(logits, 2, "Net") is logits
    assert logits_of(SimpleNamespace(logits=logits), 2, "Net") is logits


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ((torch.rand(2, 3),), "returned tuple, not a tensor of logits"),
        (torch.rand(3), r"returned shape \(3,\) for 2 images"),
        (torch.rand(3, 3), r"returned shape \(3, 3\) for 2 images"),
        (torch.rand(2, 1), "a single output"),
    ],
)
def test_what_holds_no_logits_is_refused(output: object, told: str) -> None:
    with pytest.raises(ModelError, match=told):
        logits_of(output, 2, "Net")


def test_labels_must_be_as_many_as_classes() -> None:
    check_labels(torch.rand(2, 3), None, "Net")
    check_labels(torch.rand(2, 3), ["a", "b", "c"], "Net")
    with pytest.raises(ModelError, match="3 outputs but 2 labels"):
        check_labels(torch.rand(2, 3), ["a", "b"], "Net")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_logits_must_be_finite(value: float) -> None:
    logits = torch.rand(2, 3)
    check_finite(logits, "Net")
    logits[1, 2] = value
    with pytest.raises(ModelError, match="NaN or infinite"):
        check_finite(logits, "Net")


def test_probabilities_are_told_from_logits() -> None:
    logits = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
    assert not are_probabilities(logits)
    assert not are_probabilities(logits.sigmoid())
    assert are_probabilities(logits.softmax(1))
    assert are_probabilities(logits.bfloat16().softmax(1))
    assert not are_probabilities(torch.cat([logits.softmax(1), logits]))
