"""Aggregation: several maps of one photograph joined into one that serves a stated goal best."""

from __future__ import annotations

from unseen.aggregation.aggregating import Aggregate, aggregate
from unseen.aggregation.method import Aggregation

__all__ = ["Aggregate", "Aggregation", "aggregate"]
