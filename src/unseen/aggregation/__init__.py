"""Explanations joined into one, by the weights that make it best."""
