"""What a model's numbers may mean, by name; ``unseen list outputs`` shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unseen.registry import Entry, Registry

if TYPE_CHECKING:
    from unseen.classifier.outputs.base import Outputs

OUTPUTS: Registry[Outputs] = Registry(
    "output",
    "unseen.outputs",
    {
        "logits": Entry(
            "unseen.classifier.outputs.logits:Logits",
            "one logit per class; the classes exclude each other, and the largest is decided for",
        ),
        "sigmoid": Entry(
            "unseen.classifier.outputs.sigmoid:Sigmoid",
            "one logit per finding; each is present or absent by its own threshold",
        ),
        "binary": Entry(
            "unseen.classifier.outputs.binary:Binary", "one logit in all; positive means the second of two classes"
        ),
        "probabilities": Entry(
            "unseen.classifier.outputs.probabilities:Probabilities",
            "what softmax or sigmoid made of logits: exclusive (rows sum to 1), independent, or binary",
        ),
        "value": Entry(
            "unseen.classifier.outputs.value:Value", "numbers that mean what they are, with a tolerance and a unit"
        ),
    },
    contract="unseen.classifier.outputs.base:Outputs",
)
"""Meanings of a model's numbers."""
