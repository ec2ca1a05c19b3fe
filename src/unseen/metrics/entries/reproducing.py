"""What serves to reproduce a published table and nothing else: see its weakness before use."""

from __future__ import annotations

from unseen.metrics.entry import MetricEntry

ENTRIES = {
    "pixel-level": MetricEntry(
        "unseen.metrics.pixel_level:PixelLevel",
        "another metric over the number of activated pixels; for reproducing IASSA's table, not for ranking",
        "Vasu & Long, IASSA, WACV 2020, 4.1 and Table 1",
        "that of the other metric, shared with it",
        better="",
        range="that of the other metric, in much smaller numbers; 0 and more for deletion",
        weakness="rewards maps for their size: large ones under deletion, tiny ones elsewhere; never rank by it",
    ),
}
