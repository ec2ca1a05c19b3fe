"""What every model source hands over, and the checks that all of them share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from unseen.classifier.classifier import Classifier
from unseen.classifier.outputs.base import Outputs
from unseen.classifier.preprocessing import Preprocessing
from unseen.errors import ModelError
from unseen.inputs.photo import to_tensor

_CONTRAST = 0.03  # of noise, as a logarithm: bicubic and Lanczos filters differ by three times that


ASSUMED = "that of ImageNet's networks is taken; give a preprocessing (--preprocessing) if it was another"


@dataclass(frozen=True)
class Loaded:
    """A model with the metadata that its source keeps.

    Attributes:
        model: maps normalised images to logits.
        preprocessing: as the source describes it, or ``None`` when it must be given.
        labels: class names in the order of the logits, or ``None`` when the source knows none.
        assumed: what is said of the preprocessing, unless one is given, where the source does not know it for sure.
        notes: what else a reader must know, in plain sentences.
        outputs: what its numbers mean, see :class:`unseen.Classifier`; ``None`` where the source does not say.

    Example:
        >>> from unseen.classifier.zoo import MODELS, Loaded
        >>> def colours(name, weights):
        ...     return Loaded(network, preprocessing, labels=("red", "green", "blue"))
        >>> MODELS.register("colours", colours, "names the colour")
        >>> from unseen import load_classifier
        >>> load_classifier("colours:any").label(0)
        'red'
    """

    model: nn.Module | Callable[[Any], Any]
    preprocessing: Preprocessing | None
    labels: tuple[str, ...] | None
    assumed: str = field(default="", kw_only=True)
    notes: tuple[str, ...] = field(default=(), kw_only=True)
    outputs: str | Outputs | None = field(default=None, kw_only=True)

    @classmethod
    def of(cls, classifier: Classifier) -> Loaded:
        """What a classifier is made of."""
        fed, labels = classifier.preprocessing, classifier.names
        said = None if classifier.is_assumed else classifier.outputs
        return cls(classifier.model, fed, labels, notes=classifier.notes, outputs=said)


Loader = Callable[[str, Path | None], Loaded]
"""(name, weights file or ``None`` for the published ones) → model; entries of ``MODELS`` name such a function."""


def imagenet_labels() -> tuple[str, ...]:
    """The 1,000 class names of ImageNet-1k in index order; each names one class only."""
    text = (files("unseen") / "data" / "imagenet_labels.txt").read_text(encoding="utf-8")
    return tuple(text.splitlines())


def local_file(name: str, remedy: str = "check the path") -> Path:
    """The file of a source that takes one, ``~`` spelt out.

    Raises:
        ModelError: there is none.
    """
    path = Path(name).expanduser()
    if not path.is_file():
        raise ModelError(f"there is no file {path}; {remedy}")
    return path


def adapted(
    preprocessing: Preprocessing, side: int | None, channels: int | None
) -> tuple[Preprocessing, tuple[str, ...]]:
    """The published preprocessing for a network of another input, and what is assumed of it.

    Args:
        preprocessing: the published one, of RGB.
        side: of the square input, where it is another; the resize grows in proportion.
        channels: that the network takes; more or fewer than three get the means of RGB's statistics.
    """
    notes = []
    if side is not None and (side, side) != preprocessing.size:
        share, resize = side / preprocessing.size[0], preprocessing.resize
        if isinstance(resize, tuple):
            resize = (round(resize[0] * share), round(resize[1] * share))
        elif resize is not None:
            resize = round(resize * share)
        preprocessing = replace(preprocessing, size=(side, side), resize=resize)
    if channels is not None and channels != 3:
        mean, std = (sum(values) / len(values) for values in (preprocessing.mean, preprocessing.std))
        statistics: dict[str, Any] = {"mean": (mean,) * channels, "std": (std,) * channels}
        preprocessing = replace(preprocessing, **statistics)
        notes.append(
            f"the network takes {channels} channels, and the means of RGB's statistics are taken for each; give theirs "
            "(--preprocessing mean=…,std=…) if it was trained on others"
        )
    return preprocessing, tuple(notes)


def verified(preprocessing: Preprocessing, reference: Callable[[Image.Image], Tensor], name: str) -> Preprocessing:
    """``preprocessing``, once it is seen to do what the source's own transform does to photographs.

    Sources describe crops, padding, channel orders and second normalisations in many ways; rather than know them
    all, compare. Of a photograph of ramps every pixel must agree but for a shift of one and a half pixels, since
    sources round crops differently; of one of noise the contrast that is left, which no shift changes and every
    resampling filter makes another.

    Args:
        preprocessing: read from the source's metadata.
        reference: the source's transform, RGB image → normalised tensor of shape (C, H, W).
        name: the model's, for the message.

    Raises:
        ModelError: they differ, so that the model would not see what it was trained on.
    """
    across = torch.linspace(0, 255, 500, dtype=torch.float32).expand(375, 500)
    down = torch.linspace(0, 255, 375, dtype=torch.float32)[:, None].expand(375, 500)
    ramps = torch.stack([across, down, 255 - (across + down) / 2], dim=2)
    noise = torch.rand(ramps.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float32) * 127 + 64
    mean, std = preprocessing.statistics

    def both(pixels: Tensor) -> tuple[Tensor, Tensor]:
        photo = Image.fromarray(pixels.round().to(torch.uint8).numpy())
        return (to_tensor(preprocessing.crop(photo)) - mean) / std, reference(photo)

    ours, expected = both(ramps)
    same = ours.shape == expected.shape
    if same:
        same = float(((ours - expected) * std).abs().max()) <= 1.5 / min(preprocessing.size) + 1 / 255
    if same:
        ours, expected = (normal.std(dim=(1, 2)) for normal in both(noise))
        same = bool(((ours / expected).log().abs() <= _CONTRAST).all())
    if not same:
        raise ModelError(
            f"the preprocessing of {name} is not a {preprocessing.interpolation} resize, centre crop and "
            "normalisation of RGB pixels; give Classifier a module that does the rest itself"
        )
    return preprocessing
