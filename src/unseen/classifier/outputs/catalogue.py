"""What a model's numbers may mean, by name; ``unseen list outputs`` shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unseen.registry import Entry, Registry

if TYPE_CHECKING:
    from unseen.classifier.outputs.base import Outputs

_DRISE = "Petsiuk et al., Black-box Explanation of Object Detectors via Saliency Maps, 2021, equation 3"
_CLIP = "Radford et al., Learning Transferable Visual Models From Natural Language Supervision, 2021, section 2.3"

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
        "box": Entry(
            "unseen.classifier.outputs.box:Box",
            "detections: how sure a detector is of a box of that class, times how far it overlaps that one",
            _DRISE,
        ),
        "region": Entry(
            "unseen.classifier.outputs.region:Region",
            "one logit per class and pixel, of which the means over a region decide",
        ),
        "embedding": Entry(
            "unseen.classifier.outputs.embedding:Embedding",
            "an embedding: how similar it is to one of reference, as their cosine",
        ),
        "zero-shot": Entry(
            "unseen.classifier.outputs.embedding:ZeroShot",
            "an embedding: which of several references, such as texts, it is nearest to",
            _CLIP,
        ),
    },
    contract="unseen.classifier.outputs.base:Outputs",
)
"""Meanings of a model's numbers."""
