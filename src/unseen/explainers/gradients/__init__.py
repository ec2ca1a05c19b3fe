"""Explainers that follow the gradient of the score to the pixels."""
