"""What every test of this folder does: bind a toy, run masks, compare with the slow reference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from helpers.processor import generator
from helpers.reference import Map, Reference
from unseen import Classifier, Preprocessing
from unseen.removal.deactivation.activation import ActivationDeactivation

THRESHOLDS = (0.0, 0.3, 0.5, 0.9, 0.99)

POLICIES: tuple[dict[str, Any], ...] = (
    {},
    {"threshold": 0.35, "join": "and"},
    {"threshold": 0.5, "pooling": "all"},
    {"travel": "pooled"},
    {"travel": "pooled", "threshold": 0.35, "join": "and", "pooling": "all"},
)


class Toy(nn.Module):
    """A network that can also be computed by the slow reference."""

    def slow(self, r: Reference, x: Map) -> Tensor:
        """The logits (K,) of one photograph."""
        raise NotImplementedError


def randomise(model: nn.Module, seed: int = 0) -> nn.Module:
    """Random weights and running statistics, so that nothing vanishes by chance; float64, evaluation mode."""
    stream = generator(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            fan = max(1, parameter[0].numel()) if parameter.ndim > 1 else 1
            noise = torch.randn(parameter.shape, generator=stream)
            parameter.copy_(noise * (2 / fan) ** 0.5)
        for name, buffer in model.named_buffers():
            if name.endswith("running_var"):
                buffer.copy_(torch.rand(buffer.shape, generator=stream) + 0.5)
            elif buffer.is_floating_point():
                buffer.copy_(torch.randn(buffer.shape, generator=stream))
    return model.double().eval()


def classifier_of(model: nn.Module, size: tuple[int, int]) -> Classifier:
    """Without normalisation: the network sees the pixels."""
    preprocessing = Preprocessing(size, None, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    return Classifier(model, preprocessing, name=type(model).__name__)


def photo(size: tuple[int, int], seed: int = 0) -> Tensor:
    return torch.rand(3, *size, generator=generator(seed), dtype=torch.float64)


def masks_for(size: tuple[int, int], seed: int = 0) -> Tensor:
    """(5, H, W): everything, nothing, a rectangle, scattered pixels, everything but a rectangle."""
    height, width = size
    stream = generator(seed)
    masks = torch.ones(5, height, width)
    masks[1:3] = 0
    masks[2, height // 3 : 2 * height // 3, : width // 2] = 1
    masks[3] = (torch.rand(height, width, generator=stream) > 0.7).float()
    masks[4, height // 4 : height // 2, width // 3 :] = 0
    return masks


def logits(model: nn.Module, image: Tensor, masks: Tensor, **policy: Any) -> Tensor:
    """Masked logits (N, K) in the network's own precision, by the differentiable path."""
    bound = ActivationDeactivation(**policy).bind(classifier_of(model, tuple(image.shape[1:])), image)
    return bound.forward(image.expand(len(masks), -1, -1, -1), masks)


def plain_logits(model: nn.Module, image: Tensor, count: int) -> Tensor:
    """What the plain network says of so many copies of a photograph: in the batch, dtype and layout of :func:`logits`.

    In another batch or layout a processor may take another kernel, which rounds otherwise.
    """
    return classifier_of(model, tuple(image.shape[1:])).forward(image.expand(count, -1, -1, -1))


def assert_reference(
    model: Toy,
    size: tuple[int, int] = (9, 7),
    policies: Sequence[dict[str, Any]] = POLICIES,
) -> None:
    """Equal to the slow reference for every policy and mask; bit-equal to the plain network with nothing hidden."""
    randomise(model)
    image, masks = photo(size), masks_for(size)
    with torch.no_grad():
        plain = plain_logits(model, image, len(masks))
        for policy in policies:
            got = logits(model, image, masks, **policy)
            assert torch.equal(got[0], plain[0]), policy
            for mask, row in zip(masks, got, strict=True):
                reference = Reference(mask, **policy)
                torch.testing.assert_close(row, model.slow(reference, reference.enter(image)), rtol=1e-9, atol=1e-9)


def assert_hidden_pixels_do_not_matter(
    model: nn.Module, size: tuple[int, int], policies: Sequence[dict[str, Any]] = POLICIES
) -> None:
    """Bit-equal logits when what is hidden is replaced."""
    image, masks = photo(size), masks_for(size)
    for policy in policies:
        bound = ActivationDeactivation(**policy).bind(classifier_of(model, size), image.float())
        other = torch.where(masks[:, None] > 0, image, photo(size, seed=1)).to(image.dtype)
        with torch.no_grad():
            assert torch.equal(bound.forward(image.expand_as(other), masks), bound.forward(other, masks)), policy


def every_policy() -> Iterator[dict[str, Any]]:
    """All combinations of the choices, with every threshold."""
    for threshold in THRESHOLDS:
        for travel in ("dilating", "pooled"):
            for fill in ("zero", "neighbour"):
                for join, pooling in (("or", "active"), ("and", "all")):
                    yield {"threshold": threshold, "travel": travel, "fill": fill, "join": join, "pooling": pooling}
