"""A model of one's own for `unseen … --model python:examples/own_model.py:NAME`; NAME is one of those below."""

import numpy as np
import torch

from unseen import Classifier, Preprocessing

LABELS = ["red", "green", "blue"]
PIXELS = Preprocessing(size=(64, 64), resize=None, mean=(0, 0, 0), std=(1, 1, 1))


def scores(batch: np.ndarray) -> np.ndarray:
    """Any function of a batch (N, 3, 64, 64): of NumPy, TensorFlow, JAX, scikit-learn, a program that it starts."""
    return 10 * batch.mean((2, 3))


def of_function() -> Classifier:
    """The function with its preprocessing and labels: a black box."""
    return Classifier(scores, PIXELS, LABELS)


def of_network() -> Classifier:
    """A network built in code, here without training; load its weights with `torch.load(…, weights_only=True)`."""
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, stride=2),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(8, 3),
    )
    return Classifier(network, PIXELS, LABELS)
