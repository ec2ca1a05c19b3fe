"""Attribution: how much each pixel adds to the score of a class, by what happens when pixels are hidden."""

from __future__ import annotations

from unseen.attribution.lime import Lime, lime
from unseen.attribution.occlusion import Occlusion, occlusion
from unseen.attribution.rise import Rise, rise
from unseen.attribution.segments import superpixels
from unseen.attribution.shapley import Shapley, shapley

__all__ = ["Lime", "Occlusion", "Rise", "Shapley", "lime", "occlusion", "rise", "shapley", "superpixels"]
