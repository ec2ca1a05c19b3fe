"""Whether the model is right, on a photograph whose class it names."""

from __future__ import annotations

from helpers.judged import case
from unseen.metrics.accuracy import Accuracy
from unseen.metrics.case import Case


def test_the_model_is_right_where_it_names_the_class() -> None:
    right = case()
    named = int(right.classifier.logits(right.image[None]).argmax())
    assert Accuracy()(Case(right.saliency, named, right.masked)) == 1
    assert Accuracy()(Case(right.saliency, 1 - named, right.masked)) == 0
