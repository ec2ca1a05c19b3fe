"""Class activation maps: the last feature map, its channels weighted."""

from __future__ import annotations

from unseen.explainers.entry import map_entry
from unseen.registry import Entry


def _cam(weights: str, summary: str, citation: str, cost: str = "1 with a gradient") -> Entry:
    return map_entry("cam.cam:ActivationMap", summary, citation, cost, weights=weights)


ENTRIES = {
    "cam": _cam(
        "cam",
        "the last feature map, weighted by the head's own weights; needs average pooling and a linear head",
        "Zhou et al., Learning Deep Features for Discriminative Localization, CVPR 2016",
        "1 with a gradient and 2",
    ),
    "grad-cam": _cam(
        "grad-cam",
        "the last feature map, weighted by mean gradients",
        "Selvaraju et al., Grad-CAM, ICCV 2017",
    ),
    "grad-cam++": _cam(
        "grad-cam++",
        "the last feature map, weighted by positive gradients of each position",
        "Chattopadhay et al., Grad-CAM++, WACV 2018",
    ),
    "xgrad-cam": _cam(
        "xgrad-cam",
        "the last feature map, weighted by gradients where it is active",
        "Fu et al., Axiom-based Grad-CAM, BMVC 2020",
    ),
    "layer-cam": _cam(
        "layer-cam",
        "the last feature map times its positive gradients, position by position",
        "Jiang et al., LayerCAM, IEEE TIP 2021",
    ),
    "eigen-cam": _cam(
        "eigen-cam",
        "the first principal component of the last feature map; the same for every class",
        "Muhammad & Yeasin, Eigen-CAM, IJCNN 2020",
    ),
    "ablation-cam": _cam(
        "ablation-cam",
        "the last feature map, weighted by how far the score falls without each channel",
        "Desai & Ramaswamy, Ablation-CAM, WACV 2020",
        "1 with a gradient and 1 per channel",
    ),
    "score-cam": map_entry(
        "cam.masked_cam:ScoreCam",
        "the last feature map, weighted by the score of the photograph seen through each channel",
        "Wang et al., Score-CAM, CVPRW 2020",
        "1 per channel of the last feature map",
    ),
    "opti-cam": map_entry(
        "cam.masked_cam:OptiCam",
        "the mixture of channels through which the photograph keeps the highest score",
        "Zhang et al., Opti-CAM: Optimizing saliency maps for interpretability, CVIU 2024",
        "100 with a gradient",
    ),
}
