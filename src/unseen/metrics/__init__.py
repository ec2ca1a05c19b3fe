"""Judges of explanations; ``unseen list metrics`` shows them."""

from __future__ import annotations

from typing import Any

from unseen.registry import Entry, Registry

_SEED_001 = "Chanchal, Kelly & Chockler, Activation-Deactivation"

METRICS: Registry[Any] = Registry(
    "metric",
    "unseen.metrics",
    {
        "size": Entry(
            "unseen.metrics.parts:size",
            "share of the photograph's pixels that the part shows; smaller is better, other things being equal",
            f"{_SEED_001}, 5.3",
            "0",
        ),
        "confidence": Entry(
            "unseen.metrics.parts:confidence",
            "probability of the class on the part alone, over that on the photograph",
            f"{_SEED_001}, 5.4",
            "0",
        ),
        "confidence-distance": Entry(
            "unseen.metrics.parts:confidence_distance",
            "how far that is from the γ that was asked for; lower is better",
            f"{_SEED_001}, 5.4",
            "0",
        ),
        "robustness-colours": Entry(
            "unseen.metrics.robustness:SolidColours",
            "share of solid colours (K1) on which the unmodified network names the class of the planted part; higher "
            "is better",
            f"{_SEED_001}, Definition 2 and 5.1",
            "1 per colour and part",
        ),
        "robustness-photos": Entry(
            "unseen.metrics.robustness:OtherPhotographs",
            "the same on photographs of other classes (K2); higher is better",
            f"{_SEED_001}, Definition 2 and 5.2",
            "1 per photograph and part, 1 per photograph to know its class",
        ),
    },
)
"""What ``unseen evaluate`` measures of the parts that suffice."""

__all__ = ["METRICS"]
