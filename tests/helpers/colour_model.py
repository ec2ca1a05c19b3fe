"""A model that says which colour a photograph has, fast enough for pages that are tried: ``python:FILE:build``."""

from __future__ import annotations

import torch

from unseen import Classifier, Preprocessing


def build() -> Classifier:
    """A logit is 25 times the mean of its colour."""
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 3, 1),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(3, 3),
    )
    for layer in (network[0], network[4]):
        layer.weight.data = 5 * torch.eye(3).reshape(layer.weight.shape)
        layer.bias.data.zero_()
    preprocessing = Preprocessing(size=(64, 64), resize=None, mean=(0, 0, 0), std=(1, 1, 1))
    return Classifier(network, preprocessing, labels=["red", "green", "blue"])
