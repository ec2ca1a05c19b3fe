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


def make_mixture(**changes: Any) -> dict[str, Any]:
    """What is recorded of a mixture of three methods for both goals; the first is faithful and the second steady."""
    values = [
        ("occlusion", 0.6, 0.5, 0.8, 0.7, 0.4, 0.5),
        ("grad-cam", 0.4, 0.2, 0.5, 0.35, 0.1, 0.9),
        ("integrated-gradients:baseline=white;tolerance=0.2", 0.0, 0.0, 0.1, -0.05, 0.8, 1.25),
    ]
    names = ("method", "weight", "low", "high", "contribution", "sensitivity", "infidelity")
    record = {
        "goal": "both",
        "lambda": 0.5,
        "nearby": 4,
        "hidden": 64,
        "strength": 0.1,
        "scale": 1e-4,
        "certificate": 1e-16,
        "methods": [dict(zip(names, row, strict=True)) for row in values],
        "left_out": {},
        "held_out": {
            "mixture": {"sensitivity": 0.2, "infidelity": 0.6},
            "mean": {"sensitivity": 0.3, "infidelity": 0.7},
        },
        "front": [],
    }
    return {**record, **changes}


def make_mixed(**changes: Any) -> Explanation:
    """As :func:`make_explanation`, by a mixture; the changes are those of its record."""
    about = make_explanation().provenance
    return make_explanation(method="aggregate", provenance={**about, "search": {"map": make_mixture(**changes)}})
