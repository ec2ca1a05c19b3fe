"""From a map of a photograph to the parts of it that suffice for the model's decision."""

from __future__ import annotations

from unseen.sufficient.evaluation import Criterion, Evaluator
from unseen.sufficient.extraction import curve, rank, shortest_prefix
from unseen.sufficient.minimisation import minimise
from unseen.sufficient.search import FromMap, map_of

__all__ = [
    "Criterion",
    "Evaluator",
    "FromMap",
    "curve",
    "map_of",
    "minimise",
    "rank",
    "shortest_prefix",
]
