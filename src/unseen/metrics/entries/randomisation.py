"""Judges that draw a network's weights or labels anew: a map must change with them."""

from __future__ import annotations

from unseen.metrics.entry import MetricEntry

ENTRIES = {
    "parameter-randomisation": MetricEntry(
        "unseen.metrics.randomisation:ParameterRandomisation",
        "similarity of the map to those of the network with more and more layers drawn anew",
        "Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018, section 3",
        "the method's own, 8 times",
        better="lower",
        range="-1 to 1",
        needs=("method",),
        weakness="noisy maps win; the order of layers decides how much of the network is left; randomised networks "
        "whose map is empty are left out",
    ),
    "data-randomisation": MetricEntry(
        "unseen.evaluation.retraining.labels:DataRandomisation",
        "likeness of the maps of networks that learnt true and shuffled labels",
        "Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018, section 4",
        "9 networks, and 9 maps per method and photograph",
        judges="training",
        better="lower",
        range="-1 to 1",
        needs=("method", "retraining", "set"),
        weakness="says that a map depends on what was learnt, not that it is right",
    ),
}
