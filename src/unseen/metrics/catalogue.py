"""The metrics by name; ``unseen list metrics`` shows them."""

from __future__ import annotations

from typing import Any

from unseen.metrics.entries import (
    faithfulness,
    localisation,
    order,
    parts,
    randomisation,
    reproducing,
    retraining,
    soft,
    stability,
)
from unseen.metrics.entry import MetricEntry
from unseen.registry import Registry

METRICS: Registry[Any] = Registry(
    "metric",
    "unseen.metrics",
    {
        **parts.ENTRIES,
        **order.ENTRIES,
        **soft.ENTRIES,
        **faithfulness.ENTRIES,
        **stability.ENTRIES,
        **localisation.ENTRIES,
        **randomisation.ENTRIES,
        **retraining.ENTRIES,
        **reproducing.ENTRIES,
    },
    contract="unseen.metrics.case:Metric",
    entry=MetricEntry,
)
"""What ``unseen evaluate`` and ``unseen retrain`` measure."""
