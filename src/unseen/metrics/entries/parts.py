"""Judges of parts, one value for each γ."""

from __future__ import annotations

from unseen.metrics.entries.sources import ACTIVATION_DEACTIVATION
from unseen.metrics.entry import MetricEntry

ENTRIES = {
    "size": MetricEntry(
        "unseen.metrics.parts:size",
        "share of the photograph's pixels that the part shows",
        f"{ACTIVATION_DEACTIVATION}, section 5.3",
        "0",
        judges="part",
        better="lower",
        range="0 to 1",
        weakness="says nothing of what the part is worth elsewhere",
    ),
    "confidence": MetricEntry(
        "unseen.metrics.parts:confidence",
        "probability of the class on the part alone, over that on the photograph",
        f"{ACTIVATION_DEACTIVATION}, section 5.4",
        "0",
        judges="part",
        better="higher",
        range="0 and more",
        weakness="larger parts have more of it",
    ),
    "confidence-distance": MetricEntry(
        "unseen.metrics.parts:confidence_distance",
        "how far the probability on the part is from what γ asked for, over that on the photograph",
        f"{ACTIVATION_DEACTIVATION}, section 5.4",
        "0",
        judges="part",
        better="lower",
        range="0 and more",
        weakness="tells how fine the search is, not how good the part",
    ),
    "by-chance": MetricEntry(
        "unseen.metrics.parts:by_chance",
        "share of other sets of the part's size and shape that do what the part does",
        "unseen (after Fisher, The Design of Experiments, 1935)",
        "16 with the search of each part",
        judges="part",
        better="lower",
        range="0 to 1",
        weakness="large parts have no other place: random blobs then stand for them",
    ),
    "robustness-colours": MetricEntry(
        "unseen.explainers.robust.contexts:SolidColours",
        "share of solid colours (K1) on which the unmodified network names the class of the planted part",
        f"{ACTIVATION_DEACTIVATION}, Definition 2 and 5.1",
        "1 per colour and part",
        judges="part",
        better="higher",
        range="0 to 1",
        weakness="favours parts that were found on a solid colour, and larger parts",
    ),
    "confidence-colours": MetricEntry(
        "unseen.explainers.robust.contexts:SolidColours",
        "probability of the class that the unmodified network gives the planted part, over that on the photograph; the "
        "mean over solid colours (K1)",
        f"{ACTIVATION_DEACTIVATION}, Appendix F",
        "1 per colour and part, shared with robustness-colours",
        judges="part",
        better="higher",
        range="0 and more",
        weakness="favours parts that were found on a solid colour, and larger parts",
    ),
    "robustness-photos": MetricEntry(
        "unseen.explainers.robust.contexts:OtherPhotographs",
        "the same on photographs of other classes (K2)",
        f"{ACTIVATION_DEACTIVATION}, Definition 2 and 5.2",
        "1 per photograph and part, 1 per photograph to know its class",
        judges="part",
        better="higher",
        range="0 to 1",
        needs=("set",),
        weakness="favours larger parts",
    ),
    "confidence-photos": MetricEntry(
        "unseen.explainers.robust.contexts:OtherPhotographs",
        "the same as confidence-colours on photographs of other classes (K2)",
        f"{ACTIVATION_DEACTIVATION}, Appendix F",
        "1 per photograph and part, shared with robustness-photos, 1 per photograph to know its class",
        judges="part",
        better="higher",
        range="0 and more",
        needs=("set",),
        weakness="favours larger parts",
    ),
}
