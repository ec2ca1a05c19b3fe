from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
import torch

from unseen.classifier.answers import are_probabilities, check_finite, check_labels, numbers_of
from unseen.classifier.outputs.catalogue import OUTPUTS
from unseen.errors import ModelError


def test_logits_are_found_in_a_tensor_and_in_what_transformers_return() -> None:
    logits = torch.rand(2, 3)
    assert numbers_of(logits, 2, "Net") is logits
    assert numbers_of(SimpleNamespace(logits=logits), 2, "Net") is logits


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ((torch.rand(2, 3),), "returned a tuple, not a tensor of logits"),
        (torch.rand(3), r"returned shape \(3,\) for 2 images"),
        (torch.rand(3, 3), r"returned shape \(3, 3\) for 2 images"),
        ((torch.rand(2, 3),), r"which of its entries they are, as in 'logits:key=0', or"),
        ({"aux": 1, "heads": [torch.rand(2), torch.rand(2, 3)]}, r"as in 'logits:key=heads/1', or"),
        ({"aux": torch.rand(2, 3), "logits": torch.rand(2, 3)}, r"as in 'logits:key=logits', or"),
        ({"aux": 1}, "returned a dict, not a tensor of logits; wrap it"),
    ],
)
def test_what_holds_no_logits_is_refused(output: object, told: str) -> None:
    with pytest.raises(ModelError, match=told):
        numbers_of(output, 2, "Net")


def test_a_key_leads_into_what_a_network_returned() -> None:
    logits, other = torch.rand(2, 3), torch.rand(2, 5)
    assert numbers_of({"out": logits, "aux": other}, 2, "Net", "out") is logits
    assert numbers_of((other, logits), 2, "Net", 1) is logits
    assert numbers_of([other, logits], 2, "Net", "1") is logits
    assert numbers_of(SimpleNamespace(logits=other, pooled=logits), 2, "Net", "pooled") is logits
    assert numbers_of({0: other, 1: logits}, 2, "Net", "1") is logits
    assert numbers_of({1: logits, 0: other}, 2, "Net", 1) is logits  # a key that is a number is no place
    assert numbers_of({"aux": other, "out": logits}, 2, "Net", "1") is logits
    with pytest.raises(ModelError, match="without an entry 2; it has aux, out"):
        numbers_of({"aux": other, "out": logits}, 2, "Net", 2)
    with pytest.raises(ModelError, match="returned a dict without an entry 'main'; it has out, aux"):
        numbers_of({"out": logits, "aux": other}, 2, "Net", "main")


def test_what_the_message_offers_leads_into_one_inside_another() -> None:
    answer = {"aux": 1, "heads": (torch.rand(2), {"class": torch.rand(2, 3)})}
    with pytest.raises(ModelError) as refusal:
        numbers_of(answer, 2, "Net")
    (spec,) = re.findall("'(logits:.*?)'", str(refusal.value))
    assert numbers_of(answer, 2, "Net", OUTPUTS.create(spec).key) is answer["heads"][1]["class"]
    with pytest.raises(ModelError, match="returned a tuple without an entry '2'; it has 0, 1"):
        numbers_of(answer, 2, "Net", ("heads", "2"))


@pytest.mark.parametrize(
    ("shape", "remedy"),
    [
        ((2,), r"let it return a row for each image, such as by \[:, None\]$"),
        ((2, 3, 1, 1), r"let it return a row for each image, such as by flatten\(1\)$"),
        ((1, 3), "let it return a row for each image$"),
        ((), "let it return a row for each image$"),
    ],
)
def test_other_shapes_are_told_what_makes_rows_of_them(shape: tuple[int, ...], remedy: str) -> None:
    with pytest.raises(ModelError, match=remedy):
        numbers_of(torch.zeros(shape), 2, "Net")


def test_labels_must_be_as_many_as_classes() -> None:
    check_labels(3, 3, "Net")
    with pytest.raises(ModelError, match="3 outputs but 2 labels"):
        check_labels(3, 2, "Net")


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
