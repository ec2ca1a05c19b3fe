"""Explanations made up for tests of what happens after the search."""

from __future__ import annotations

from typing import Any

import torch

from unseen import Curve, Explanation, Part


def make_part(mask: torch.Tensor | None = None, **changes: Any) -> Part:
    if mask is None:
        mask = torch.zeros(20, 24, dtype=torch.bool)
        mask[4:9, 6:15] = True
    values = {"role": "sufficient", "confidence_threshold": 0.5, "confidence": 0.61, "verified": True}
    return Part(**{"mask": mask, **values, **changes})


def make_explanation(**changes: Any) -> Explanation:
    """20 × 24 pixels, one part, a curve of three points, provenance as `explain` writes it."""
    generator = torch.Generator().manual_seed(0)
    values: dict[str, Any] = {
        "image": torch.rand(3, 20, 24, generator=generator),
        "saliency": torch.rand(20, 24, generator=generator),
        "target": 3,
        "label": "espresso",
        "probability": 0.95,
        "method": "causal",
        "removal": "zero",
        "parts": (make_part(),),
        "curve": Curve((0.0, 0.5, 1.0), (0.0, 0.9, 0.95), (0.95, 0.1, 0.0)),
        "notes": ("a note",),
        "provenance": {
            "classifier": {"name": "toy"},
            "decision": {"top": [{"index": 3, "label": "espresso", "probability": 0.95}]},
            "request": {"seed": 0},
            "evaluations": 1234,
            "seconds": 1.5,
        },
    }
    return Explanation(**{**values, **changes})
