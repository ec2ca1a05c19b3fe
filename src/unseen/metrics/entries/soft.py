"""Judges that show what the map marks, as a soft mask, or measure how much it marks, and what is built on them."""

from __future__ import annotations

from unseen.metrics.entries.sources import GRAD_CAM_PP, POPPI, ZERO_INFORMATION
from unseen.metrics.entry import MetricEntry

_SOFT_COST = "2; 9 where masks must be hard"

ENTRIES = {
    "average-drop": MetricEntry(
        "unseen.metrics.drop:AverageDrop",
        "share of the probability lost when only what the map marks is shown, as a soft mask",
        f"{GRAD_CAM_PP}; {ZERO_INFORMATION}, equation 31 (which lacks 1/N and gives both directions)",
        _SOFT_COST,
        better="lower",
        range="0 to 1",
        weakness="a map that marks everything is perfect; blends of photograph and fill are unlike any photograph",
    ),
    "increase-in-confidence": MetricEntry(
        "unseen.metrics.drop:IncreaseInConfidence",
        "whether the class is more probable when only what the map marks is shown",
        f"{GRAD_CAM_PP}; {ZERO_INFORMATION}, section 4.3.1",
        f"{_SOFT_COST}, shared with average-drop",
        better="higher",
        range="0 or 1",
        weakness="the least increase counts as much as the largest; sure photographs can hardly have one",
    ),
    "average-gain": MetricEntry(
        "unseen.metrics.drop:AverageGain",
        "share of the doubt that goes when only what the map marks is shown",
        "Zhang et al., Opti-CAM, CVIU 2024, section 4",
        f"{_SOFT_COST}, shared with average-drop",
        better="higher",
        range="0 to 1",
        weakness="near a probability of 1 tiny differences decide; maps can be optimised for it, as Opti-CAM's are",
    ),
    "coherency": MetricEntry(
        "unseen.metrics.coherency:Coherency",
        "correlation of the map with that of the photograph seen through it, scaled to 0 … 1",
        f"{POPPI}; {ZERO_INFORMATION}, Eq. 33",
        "the method's own, once",
        better="higher",
        range="0 to 1",
        needs=("method",),
        weakness="a map that ignores the photograph wins; 0.5 is no correlation; needs a removal with soft masks",
    ),
    "complexity": MetricEntry(
        "unseen.metrics.coherency:Complexity",
        "mean of the map after min–max scaling: how much of the photograph it claims",
        POPPI,
        "0",
        better="lower",
        range="0 to 1",
        weakness="one bright pixel anywhere wins; for a signed map zero is not low",
    ),
    "sparseness": MetricEntry(
        "unseen.metrics.sparseness:Sparseness",
        "Gini index of the map's magnitudes: how few pixels hold most of it",
        "Chalasani et al., Concise Explanations of Neural Networks using Adversarial Training, ICML 2020, section 5",
        "0",
        better="higher",
        range="0 to 1",
        weakness="a single pixel anywhere wins; nothing is asked of the model",
    ),
    "adcc": MetricEntry(
        "unseen.metrics.coherency:Adcc",
        "harmonic mean of coherency, 1 − complexity and 1 − average drop",
        f"{POPPI}; {ZERO_INFORMATION}, section 4.3.7",
        "2, and the method's own once",
        better="higher",
        range="0 to 1",
        needs=("method",),
        weakness="inherits the bias of the fill in two of its three parts; needs a removal with soft masks",
    ),
}
