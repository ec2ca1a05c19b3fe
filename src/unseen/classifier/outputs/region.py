"""Segmentation: which class a model sees in a region of the photograph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from unseen.classifier.answers import entry_of
from unseen.classifier.outputs.arrays import Digest, FromArray, Given
from unseen.classifier.outputs.base import Key, Outputs
from unseen.classifier.outputs.binary import Binary
from unseen.classifier.outputs.derived import Derived
from unseen.classifier.outputs.logits import Logits
from unseen.classifier.outputs.sigmoid import Sigmoid
from unseen.errors import ModelError, ParameterError
from unseen.system.arguments import type_of
from unseen.system.options import Meaning

Classes = Annotated[
    Literal["exclusive", "independent", "binary"],
    Meaning(
        "whether a pixel is of one class of several, of each by itself, or one number tells the second of two classes"
    ),
]

_LIKE: Mapping[Classes, Outputs] = {"exclusive": Logits(), "independent": Sigmoid(), "binary": Binary()}


@dataclass(frozen=True)
class Region(FromArray, Derived):
    """Logits per class and pixel, of which the means over a region count: what the model sees there.

    The mean of a class's logits over the region is its score; what is decided by it is decided as by the logits of a
    classifier. So a map tells which pixels, inside the region or around it, speak for its class.

    Args:
        region: shape (H, W) of the network's input or of what it returns; pixels that are not 0 belong to it. A file
            that ``numpy.save`` wrote, a picture, an array or a tensor.
        classes: ``exclusive``, ``independent`` or ``binary``, as of :class:`Probabilities`; ``independent`` ones and
            ``binary`` are decided at a probability of 0.5.
        sha256: of those numbers, or its beginning: filled in when they are read, refused if it differs.
        key: which entry of what the model returns holds the logits, shape (N, K, h, w); by default ``out``, as
            torchvision's networks return, where there is one.

    Raises:
        ParameterError: the region cannot be read, is none of rows and columns, or empty.

    Example:
        >>> from unseen.classifier.outputs import Region
        >>> each_pixel = torch.nn.Conv2d(3, 3, 1)
        >>> each_pixel.weight.data, each_pixel.bias.data = torch.eye(3)[..., None, None], torch.zeros(3)
        >>> seen = Classifier(each_pixel, preprocessing, ["red", "green", "blue"], outputs=Region(square))
        >>> seen.logits(photo[None])
        tensor([[1., 0., 0.]])
    """

    region: Annotated[
        Given, Meaning("a file that numpy.save wrote, or a picture, in which pixels of the region are not 0")
    ]
    classes: Classes = "exclusive"
    sha256: Digest = None
    key: Key = None

    _known: ClassVar[tuple[tuple[object, ...], Tensor] | None] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        mask = self._hold("region").values
        if mask.ndim != 2 or not bool(mask.any()):
            raise ParameterError(
                f"region has shape {tuple(mask.shape)} and {int(mask.count_nonzero())} pixels that are not 0; give one "
                "of rows and columns in which some are"
            )

    @property
    def like(self) -> Outputs:
        """What the means of the logits mean."""
        return _LIKE[self.classes]

    def scores(self, answer: object, count: int, name: str) -> Float[Tensor, "N T"]:
        """The means over the region; of a region of another size, scaled to what the model returns.

        Raises:
            ModelError: the model returned no logits for every pixel.
        """
        key = "out" if self.key is None and isinstance(answer, Mapping) and "out" in answer else self.key
        logits = entry_of(answer, name, key)
        if not isinstance(logits, Tensor) or logits.ndim != 4 or len(logits) != count:
            shape = f"shape {tuple(logits.shape)}" if isinstance(logits, Tensor) else type_of(logits)
            raise ModelError(
                f"{name} returned {shape} for {count} images; outputs='region' means logits of every pixel, shape "
                f"({count}, K, h, w); say which of its entries they are, as in region:…,key=out"
            )
        means = torch.einsum("nkhw,hw->nk", logits, self._weights(logits))
        return self.like.scores(means, count, name)

    def _weights(self, logits: Float[Tensor, "N K h w"]) -> Float[Tensor, "h w"]:
        """The share of every place in the mean; kept, for as a rule all passes ask for the same."""
        form, known = (tuple(logits.shape[2:]), logits.dtype, logits.device), self._known
        if known is None or known[0] != form:
            with torch.inference_mode(False):  # also where the first pass needs no gradient, and a later one does
                mask = (self._held.values != 0).to(logits)
                weights = F.interpolate(mask[None, None], form[0], mode="bilinear", antialias=True)[0, 0]
                known = form, weights / weights.sum()
            object.__setattr__(self, "_known", known)
        return known[1]
