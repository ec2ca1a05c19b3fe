"""Training a small network: the same data and seed give the same network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from unseen.classifier import Classifier, Preprocessing
from unseen.errors import ModelError
from unseen.evaluation.retraining.network import SmallNetwork
from unseen.system.options import Count, Options, Share
from unseen.system.progress import ProgressListener

NetworkSeed = Annotated[int, Count("what all random numbers follow from", 0, 2**31 - 1)]

_EVALUATED = 512  # images a pass when accuracy is measured


@dataclass(frozen=True)
class Training(Options):
    """How a network is trained: Adam with decoupled weight decay, one cycle of the learning rate, no augmentation.

    Raises:
        ParameterError: a parameter outside its range.
    """

    epochs: Annotated[int, Count("how often every photograph is seen")] = 8
    batch: Annotated[int, Count("how many photographs a step takes; a batch norm needs two", 2)] = 32
    rate: Annotated[float, Share("the largest learning rate", ends="(]")] = 0.01
    decay: Annotated[float, Share("the weight decay", ends="[)")] = 0.01


def train(
    network: nn.Module,
    images: Float[Tensor, "N 3 H W"],
    labels: Int[Tensor, " N"],
    classes: Sequence[str],
    *,
    training: Training | None = None,
    seed: int = 0,
    device: torch.device | str = "cpu",
    progress: ProgressListener | None = None,
) -> Classifier:
    """Train a network, in place, and say how photographs are prepared for it.

    On a CPU the result is the same to the last bit for the same seed and number of threads; the global generator is
    neither used nor changed.

    Args:
        network: its weights are where training begins.
        images: in [0, 1], or what a removal made of such; normalised by their own mean and standard deviation.
        labels: class indices.
        classes: their names.
        training: how.
        seed: of the order of the photographs.
        device: where the network is trained and stays.
        progress: told of every step.

    Returns:
        The classifier, in evaluation mode.

    Raises:
        ModelError: the loss is no longer finite.
    """
    settings = training or Training()
    network = network.to(device).train()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # twice as fast on a CPU
    mean, std = images.mean((0, 2, 3)), images.std((0, 2, 3)).clamp(min=0.01)
    inputs = ((images - mean[:, None, None]) / std[:, None, None]).to(device, memory_format=torch.channels_last)
    answers = labels.to(device)
    generator = torch.Generator().manual_seed(seed)
    per_epoch = -(-len(images) // settings.batch)
    optimiser = torch.optim.AdamW(network.parameters(), lr=settings.rate, weight_decay=settings.decay)
    steps = settings.epochs * per_epoch
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=settings.rate, total_steps=steps)
    with torch.enable_grad():
        for epoch in range(settings.epochs):
            order = torch.randperm(len(images), generator=generator).to(device)
            for number, some in enumerate(order.tensor_split(per_epoch)):
                loss = cross_entropy(network(inputs[some]), answers[some])
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                schedule.step()
                if progress is not None:
                    progress("training", epoch * per_epoch + number + 1, steps)
            if not bool(loss.isfinite()):
                raise ModelError("training diverged: the loss is not finite; use a smaller learning rate")
    network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    network.eval().zero_grad()
    size = (int(images.shape[2]), int(images.shape[3]))
    preprocessing = Preprocessing(size, None, mean=tuple(mean.tolist()), std=tuple(std.tolist()))
    return Classifier(network, preprocessing, classes, name=type(network).__name__)


def accuracy(classifier: Classifier, images: Float[Tensor, "N 3 H W"], labels: Int[Tensor, " N"]) -> float:
    """Share of the photographs whose class is on top."""
    return float((predicted(classifier, images) == labels).double().mean())


def predicted(classifier: Classifier, images: Float[Tensor, "N 3 H W"]) -> Int[Tensor, " N"]:
    """The class that is decided for of each photograph."""
    scores = torch.cat([classifier.logits(some) for some in torch.split(images, _EVALUATED)])
    return torch.tensor([classifier.outputs.top(row) for row in scores], dtype=torch.int64)


def retrained(
    images: Float[Tensor, "N 3 H W"],
    labels: Int[Tensor, " N"],
    classes: Sequence[str],
    *,
    training: Training,
    seed: int,
    device: torch.device | str,
    progress: ProgressListener | None = None,
) -> Classifier:
    """A new :class:`SmallNetwork`, trained; the seed decides its first weights and the order of the photographs."""
    network = SmallNetwork(len(classes), seed=seed)
    return train(network, images, labels, classes, training=training, seed=seed, device=device, progress=progress)
