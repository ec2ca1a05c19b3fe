"""Explainers that hand the score back through the layers by rules: relevance propagation and DeepLIFT."""
