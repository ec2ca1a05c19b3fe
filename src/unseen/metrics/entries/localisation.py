"""Judges that know where the object lies, because a person drew it or because the picture was built so."""

from __future__ import annotations

from unseen.metrics.entries.sources import KHAKZAR, VASU, ZERO_INFORMATION
from unseen.metrics.entry import MetricEntry

_PEOPLE = "measures agreement with people, whom the model need not follow"

_OPTIMISED = "patches are adversarial, on noise; what is null when hidden may still have a gradient or a probability"

ENTRIES = {
    "pointing-game": MetricEntry(
        "unseen.metrics.localisation:PointingGame",
        "whether the map's maximum lies on the object, or within a tolerance of it",
        f"Zhang et al., Top-down Neural Attention by Excitation Backprop, IJCV 2018; "
        f"{ZERO_INFORMATION}, section 4.2.1, Eq. 28",
        "0",
        better="higher",
        range="0 to 1",
        needs=("annotation",),
        weakness=_PEOPLE + ", and looks at a single pixel",
    ),
    "localisation-energy": MetricEntry(
        "unseen.metrics.localisation:LocalisationEnergy",
        "share of the positive saliency that lies on the object (energy-based pointing game)",
        "Wang et al., Score-CAM: Score-Weighted Visual Explanations for CNNs, CVPR workshops 2020, 4.3",
        "0",
        better="higher",
        range="0 to 1",
        needs=("annotation",),
        weakness=_PEOPLE + ", and favours large objects",
    ),
    "rank-accuracy": MetricEntry(
        "unseen.metrics.localisation:RankAccuracy",
        "share of the highest pixels that lies on the object, as many as it has (or the top k)",
        "Arras, Osman & Samek, CLEVR-XAI, Information Fusion 2022",
        "0",
        better="higher",
        range="0 to 1",
        needs=("annotation",),
        weakness=_PEOPLE + ", and favours large objects",
    ),
    "iou": MetricEntry(
        "unseen.metrics.localisation:IoU",
        "intersection over union of the object and of what lies above a share of the map's maximum",
        f"{VASU}, Eq. 8 and 4.1",
        "0",
        better="higher",
        range="0 to 1",
        needs=("annotation",),
        weakness=_PEOPLE + ", and depends on the threshold, which suits smooth maps",
    ),
    "f1": MetricEntry(
        "unseen.metrics.localisation:F1",
        "F1 of the object's pixels by what lies above a share of the map's maximum; 2·IoU / (1 + IoU)",
        f"{VASU}, Eq. 8 and 4.1",
        "0",
        better="higher",
        range="0 to 1",
        needs=("annotation",),
        weakness=_PEOPLE + ", and ranks single maps as IoU does",
    ),
    "grid-pointing": MetricEntry(
        "unseen.metrics.grid:GridPointing",
        "share of the positive saliency on the photograph's own cell in a grid with photographs of other classes",
        "Böhle, Fritz & Schiele, Convolutional Dynamic Alignment Networks for Interpretable Classifications, "
        f"CVPR 2021; {ZERO_INFORMATION}, section 4.2.2",
        "one explanation, and about 7 to find the other photographs",
        better="higher",
        range="0 to 1",
        needs=("method", "set"),
        weakness="the network has never seen grids, and may rightly use other cells",
    ),
    "difull": MetricEntry(
        "unseen.metrics.grid:DiFull",
        "the same where the network sees each cell by itself, so that every other cell is certainly wrong",
        f"Rao, Böhle & Schiele, Towards Better Understanding Attribution Methods, CVPR 2022; "
        f"{ZERO_INFORMATION}, section 4.2.2",
        "one explanation with passes cells² times as long, and about 8 to find the other photographs",
        better="higher",
        range="0 to 1",
        needs=("method", "set"),
        weakness="every method that goes back from the score passes; it finds leaks between places only",
    ),
    "null-feature": MetricEntry(
        "unseen.metrics.optimised_features:OptimisedFeatures",
        "share of positive saliency on a patch made for the class, against one made to be nothing to it",
        f"{KHAKZAR}; {ZERO_INFORMATION}, section 4.2.3, Eqs. 29 and 30",
        "one explanation; 120 with a gradient once for each class",
        {"scenario": "null"},
        better="higher",
        range="0 to 1",
        needs=("method", "gradients"),
        weakness=_OPTIMISED,
    ),
    "single-feature": MetricEntry(
        "unseen.metrics.optimised_features:OptimisedFeatures",
        "share of positive saliency on a patch made for one class alone, against noise; for another, off the patch",
        f"{KHAKZAR}; {ZERO_INFORMATION}, section 4.2.3",
        "two explanations; 40 with a gradient once for each class",
        {"scenario": "single"},
        better="higher",
        range="0 to 1",
        needs=("method", "gradients"),
        weakness="the patch is adversarial and its background noise, far from photographs",
    ),
    "double-feature": MetricEntry(
        "unseen.metrics.optimised_features:OptimisedFeatures",
        "the same for two patches made for two classes, each explained: is the map on its own class's patch?",
        f"{KHAKZAR}; {ZERO_INFORMATION}, section 4.2.3",
        "two explanations; 120 with a gradient once for each class",
        {"scenario": "double"},
        better="higher",
        range="0 to 1",
        needs=("method", "gradients"),
        weakness=_OPTIMISED,
    ),
}
