"""Explain the decisions of image classifiers, and prove how far the explanation can be trusted."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unseen.classifier import Classifier, Preprocessing
    from unseen.explaining import explain
    from unseen.explanation import Curve, Explanation, Part
    from unseen.photo import open_photo
    from unseen.zoo import load_classifier

__version__ = "0.1.0"

_HOMES = {
    "Classifier": "unseen.classifier",
    "Preprocessing": "unseen.classifier",
    "Curve": "unseen.explanation",
    "Explanation": "unseen.explanation",
    "Part": "unseen.explanation",
    "explain": "unseen.explaining",
    "load_classifier": "unseen.zoo",
    "open_photo": "unseen.photo",
}

__all__ = [
    "Classifier",
    "Curve",
    "Explanation",
    "Part",
    "Preprocessing",
    "explain",
    "load_classifier",
    "open_photo",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'unseen' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
