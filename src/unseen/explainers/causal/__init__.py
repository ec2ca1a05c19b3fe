"""Causal explanations: how responsible each pixel is for a decision, and small parts that suffice for it."""
