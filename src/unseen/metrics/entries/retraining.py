"""Judges that train networks anew on photographs with parts hidden; ``unseen retrain`` asks them."""

from __future__ import annotations

from unseen.metrics.entries.sources import HOOKER
from unseen.metrics.entry import MetricEntry

ENTRIES = {
    "roar": MetricEntry(
        "unseen.evaluation.retraining.roar:RemoveAndRetrain",
        "mean accuracy of networks trained anew on photographs whose most important pixels are hidden",
        HOOKER,
        "15 networks per method, and 1 map per photograph",
        {"order": "top"},
        judges="training",
        better="lower",
        range="0 to 1",
        needs=("method", "retraining", "set"),
        weakness="the mask's shape may tell the class; a new network may have other reasons than the explained one",
    ),
    "kar": MetricEntry(
        "unseen.evaluation.retraining.roar:RemoveAndRetrain",
        "the same with the least important pixels hidden",
        HOOKER,
        "15 networks per method, and 1 map per photograph",
        {"order": "bottom"},
        judges="training",
        better="higher",
        range="0 to 1",
        needs=("method", "retraining", "set"),
        weakness="the mask's shape may tell the class, which here counts in the method's favour",
    ),
}
