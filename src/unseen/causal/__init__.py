"""Causal explanations: how responsible each pixel is for a decision, and small parts that suffice for it."""

from __future__ import annotations

from unseen.causal.method import Causal
from unseen.causal.responsibility import responsibility

__all__ = ["Causal", "responsibility"]
