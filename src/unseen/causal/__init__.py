"""Causal explanations: how responsible each pixel is for a decision, and small parts that suffice for it."""

from __future__ import annotations

from unseen.causal.evaluation import Criterion, Evaluator
from unseen.causal.extraction import curve, rank, shortest_prefix
from unseen.causal.method import Causal
from unseen.causal.minimisation import minimise
from unseen.causal.responsibility import responsibility

__all__ = ["Causal", "Criterion", "Evaluator", "curve", "minimise", "rank", "responsibility", "shortest_prefix"]
