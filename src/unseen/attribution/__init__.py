"""Attribution: how much each pixel adds to the score of a class.

By hiding (``occlusion``, ``rise``), by gradients (``gradient``, ``integrated``, ``rectifiers``), by rules that pass the
score back through the network (``lrp``, ``deeplift``), and by weighing its last feature map (``cam``).
"""

from __future__ import annotations

from unseen.attribution.cam import ActivationMap, activation_map
from unseen.attribution.controls import Edges, RandomMap, UniformMap
from unseen.attribution.deeplift import DeepLift, deeplift
from unseen.attribution.features import Features, last_features
from unseen.attribution.gradient import InputXGradient, NoisyGradients, Saliency, gradient, noisy_gradients
from unseen.attribution.iassa import Iassa, iassa
from unseen.attribution.integrated import (
    ExpectedGradients,
    IntegratedGradients,
    expected_gradients,
    integrated_gradients,
)
from unseen.attribution.lime import Lime, lime
from unseen.attribution.lrp import Lrp, relevance
from unseen.attribution.lrp_pass import Shares
from unseen.attribution.masked_cam import OptiCam, ScoreCam, opti_cam, score_cam
from unseen.attribution.occlusion import Occlusion, occlusion
from unseen.attribution.rectifiers import RectifiedGradient, rectified_gradient
from unseen.attribution.rise import Rise, rise
from unseen.attribution.segments import superpixels
from unseen.attribution.shapley import Shapley, shapley
from unseen.attribution.spatial_attention import Attention, attention
from unseen.attribution.zero_point import ZeroPoint

__all__ = [
    "ActivationMap",
    "Attention",
    "DeepLift",
    "Edges",
    "ExpectedGradients",
    "Features",
    "Iassa",
    "InputXGradient",
    "IntegratedGradients",
    "Lime",
    "Lrp",
    "NoisyGradients",
    "Occlusion",
    "OptiCam",
    "RandomMap",
    "RectifiedGradient",
    "Rise",
    "Saliency",
    "ScoreCam",
    "Shapley",
    "Shares",
    "UniformMap",
    "ZeroPoint",
    "activation_map",
    "attention",
    "deeplift",
    "expected_gradients",
    "gradient",
    "iassa",
    "integrated_gradients",
    "last_features",
    "lime",
    "noisy_gradients",
    "occlusion",
    "opti_cam",
    "rectified_gradient",
    "relevance",
    "rise",
    "score_cam",
    "shapley",
    "superpixels",
]
