"""Explainers that hide parts and watch the score: occlusion, RISE, LIME, Shapley values, IASSA."""
