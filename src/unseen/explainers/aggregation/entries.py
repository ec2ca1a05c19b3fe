"""Mixtures of several methods."""

from __future__ import annotations

from unseen.explainers.entry import map_entry

ENTRIES = {
    "aggregate": map_entry(
        "aggregation.method:Aggregation",
        "several methods mixed with the weights that serve robustness, faithfulness or both best",
        "Decker et al., Provably Better Explanations with Optimized Aggregation of Feature Attributions, ICML 2024",
        "every method four times, 128 with parts hidden",
    ),
}
