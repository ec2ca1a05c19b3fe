"""Attribution: how much each pixel adds to the score of a class, by what happens when pixels are hidden."""

from __future__ import annotations

from unseen.attribution.occlusion import Occlusion, occlusion
from unseen.attribution.rise import Rise, rise

__all__ = ["Occlusion", "Rise", "occlusion", "rise"]
