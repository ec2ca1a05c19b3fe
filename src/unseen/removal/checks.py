"""What an input must be before anything of it is hidden, and how many of them a pass takes."""

from __future__ import annotations

import torch
from torch import Tensor

from unseen.classifier import Classifier
from unseen.errors import ParameterError
from unseen.inputs.space import ANY, Space, described, size_of
from unseen.system.names import with_article


def check_image(image: Tensor) -> None:
    """Refuse what is no input at the model's resolution: ``(C, *space)``, floating, finite, in shares of its range."""
    if image.ndim - 1 not in ANY or not len(image):
        raise ParameterError(
            f"the image has shape {tuple(image.shape)}; expected (C, H, W), or (C, L) of a signal and (C, D, H, W) "
            "of a volume, e.g. from Classifier.prepare"
        )
    if not image.is_floating_point():
        raise ParameterError(f"the image has dtype {image.dtype}; expected float32 in [0, 1] (divide bytes by 255)")
    if not bool(torch.isfinite(image).all()) or float(image.min()) < 0 or float(image.max()) > 1:
        raise ParameterError("the image's pixels must be finite and in [0, 1]; normalisation is the classifier's work")


def check_channels(classifier: Classifier, image: Tensor) -> None:
    """Refuse an image that has other channels, or another number of axes, than the classifier prepares.

    Raises:
        ParameterError: it has.
    """
    channels = classifier.preprocessing.channels
    if len(image) != channels:
        raise ParameterError(
            f"the image has shape {tuple(image.shape)} and {classifier.name} takes {channels} channels, as many as the "
            "mean of its preprocessing has; prepare it by Classifier.prepare"
        )
    space = classifier.preprocessing.size
    if image.ndim - 1 != len(space):
        raise ParameterError(
            f"the image has shape {tuple(image.shape)} and {classifier.name} takes "
            f"{with_article(described(space))}; prepare it by Classifier.prepare"
        )


PHOTOGRAPH = 224 * 224
"""Pixels of what memory is counted in."""


def default_batch(classifier: Classifier) -> int:
    """A memory budget in pixels: 16 images of 224 × 224 a pass on a CPU (more is no faster), 256 on an accelerator.

    Networks of signals have many channels at full length: of these at most 256 a pass, or 4,096.
    """
    images = 16 if classifier.device.type == "cpu" else 256
    space = classifier.preprocessing.size
    count = max(1, images * PHOTOGRAPH // size_of(space))
    return min(count, 16 * images) if len(space) == 1 else count


def sets_held(space: Space, batch: int) -> int:
    """A memory budget of the sets that wait to be evaluated: as many as 512 of 224 × 224 take, and whole batches.

    Args:
        space: the extent of each.
        batch: how many a pass takes.

    Example:
        >>> from unseen.removal.checks import sets_held
        >>> sets_held((224, 224), 16), sets_held((128, 128, 128), 1), sets_held((256, 256, 256), 1)
        (512, 12, 1)
    """
    fitting = min(512, 512 * PHOTOGRAPH // size_of(space))
    return max(1, fitting // batch) * batch
