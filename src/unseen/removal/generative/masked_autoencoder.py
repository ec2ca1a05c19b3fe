"""A masked autoencoder paints what is hidden: a hidden pixel is what a network expects there.

He, Chen, Xie, Li, Dollár & Girshick, *Masked Autoencoders Are Scalable Vision Learners*, CVPR 2022; as a removal:
Lymperopoulos, *A Study of Explainable AI: The Concept of Zero Information*, 2023, chapters 7 and 10.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.classifier import Classifier
from unseen.errors import NotApplicableError, ParameterError
from unseen.removal.fills.neighbour import neighbours
from unseen.removal.fills.painting import Painting
from unseen.removal.generative.autoencoder import Autoencoder, load_autoencoder, resampled
from unseen.removal.masked import MaskedForward
from unseen.system.options import Meaning, Share
from unseen.system.spelling import spec


@dataclass(frozen=True)
class MaskedAutoencoder(Painting):
    """Hidden patches are painted by a masked autoencoder that sees the visible ones.

    The autoencoder hides whole patches. Nothing that is hidden reaches it all the same: hidden pixels of a patch that
    counts as visible are replaced by the Gaussian mean of the visible ones around them, both in what the autoencoder
    sees and in the picture. Photographs are resampled where the classifier's resolution is another than its own.

    Raises:
        ParameterError: no model, a path that no spec can hold, or a threshold outside its range.
        ModelError: (when bound) see :func:`~unseen.removal.generative.autoencoder.load_autoencoder`.
    """

    model: Annotated[
        str, Meaning("a folder in transformers' format, such as ``unseen train-mae`` writes, or a name of the hub")
    ]
    threshold: Annotated[float, Share("the part of a patch from which on the patch is hidden", ends="(]")] = 0.5
    paste: Annotated[
        bool, Meaning("whether visible pixels stay; else the decoder's picture is taken wherever anything is hidden")
    ] = True
    axes = (2,)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_model(self.model)

    @property
    def content(self) -> str:
        """The checksum of the autoencoder's weights."""
        return load_autoencoder(self.model, torch.device("cpu")).fingerprint

    @property
    def name(self) -> str:
        """``mae:``, the model, and what is set otherwise than by default."""
        return spec("mae", self, bare=True)

    def autoencoder(self, device: torch.device) -> Autoencoder:
        """On a device; read once."""
        return load_autoencoder(self.model, device)

    def forward(self, classifier: Classifier, image: Float[Tensor, "C H W"]) -> MaskedForward:
        """See :meth:`Removal.forward`; what is wrong with the model is told now."""
        check_photograph(classifier, self.name)
        self.autoencoder(classifier.device)
        return super().forward(classifier, image)

    def painted(
        self, classifier: Classifier, pixels: Float[Tensor, "N C H W"], masks: Float[Tensor, "N H W"]
    ) -> Float[Tensor, "N C H W"]:
        """See :meth:`Painting.painted`."""
        autoencoder = self.autoencoder(classifier.device)
        hidden = autoencoder.hidden(masks, self.threshold)
        around = visible_only(autoencoder, pixels, masks)
        decoded = autoencoder.reconstruct(around, hidden)
        return assembled(autoencoder, pixels, masks, around, hidden, decoded, paste=self.paste)

    def to_dict(self) -> dict[str, Any]:
        """Name, parameters and the checksum of the autoencoder's weights, for provenance."""
        return {**super().to_dict(), "weights": self.autoencoder(torch.device("cpu")).fingerprint}


def check_model(model: str) -> None:
    """Refuse a model that no spec can hold.

    Raises:
        ParameterError: it is empty, or has a comma in it.
    """
    if not model or "," in model:
        raise ParameterError(f"model {model!r} must be a folder or a hub's name without a comma in it")


def visible_only(
    autoencoder: Autoencoder, pixels: Float[Tensor, "N 3 H W"], masks: Float[Tensor, "N H W"]
) -> Float[Tensor, "N 3 H W"]:
    """The photographs with hidden pixels replaced by the mean of the visible ones within about a patch."""
    width = max(pixels.shape[2:]) / autoencoder.grid
    return torch.where(masks[:, None] > 0, pixels, neighbours(pixels, masks, width))


def assembled(
    autoencoder: Autoencoder,
    pixels: Float[Tensor, "N 3 H W"],
    masks: Float[Tensor, "N H W"],
    around: Float[Tensor, "N 3 H W"],
    hidden: Bool[Tensor, "N P"],
    decoded: Float[Tensor, "N 3 S S"],
    *,
    paste: bool,
) -> Float[Tensor, "N 3 H W"]:
    """The picture: decoded where patches are hidden, ``around`` where pixels of visible patches are.

    Args:
        autoencoder: whose patches they are.
        pixels: the photographs.
        masks: 1 visible, 0 hidden; nothing hidden leaves a photograph as it is.
        around: what :func:`visible_only` gives.
        hidden: patches.
        decoded: the decoder's picture; clamped here.
        paste: whether visible pixels stay; otherwise all of the decoder's picture is taken.
    """
    size = (int(pixels.shape[2]), int(pixels.shape[3]))
    picture = resampled(decoded, size).clamp(0, 1).to(pixels)
    visible = masks[:, None] > 0
    if not paste:
        return torch.where(visible.all(-1, keepdim=True).all(-2, keepdim=True), pixels, picture)
    fill = torch.where(autoencoder.spread(hidden, size)[:, None], picture, around)
    return torch.where(visible, pixels, fill)


def check_photograph(classifier: Classifier, removal: str) -> None:
    """Refuse a classifier of anything but photographs: a masked autoencoder has seen nothing else.

    Raises:
        NotApplicableError: other channels than red, green and blue, or another range than [0, 1].
    """
    if not classifier.preprocessing.is_photograph:
        channels, scale = classifier.preprocessing.channels, classifier.preprocessing.scale
        raise NotApplicableError(
            f"removal {removal!r} paints RGB photographs in [0, 1], and {classifier.name} takes {channels} "
            f"channel{'s' * (channels > 1)} in {scale}; choose 'linear', 'neighbour' or 'ad'"
        )
