"""How well hidden patches of photographs that were held out are guessed, and by what it must be better than."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.removal.fills.neighbour import neighbours, visible_mean
from unseen.removal.generative.autoencoder import Autoencoder
from unseen.removal.generative.design import MASKED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BATCH = 32
_WIDTHS = (0.25, 0.5, 1.0, 2.0)
"""Standard deviations of the narrowest Gaussian that are tried, in sides of a patch."""
_SHOWN = 6


def random_patches(count: int, patches: int, seed: int) -> Bool[Tensor, "N P"]:
    """Three quarters of the patches of each photograph, hidden at random."""
    noise = torch.rand(count, patches, generator=torch.Generator().manual_seed(seed), dtype=torch.float32)
    return noise.argsort(1).argsort(1) >= int(patches * (1 - MASKED))


def squared_error(
    pixels: Float[Tensor, "N 3 S S"], guess: Float[Tensor, "N 3 S S"], hidden: Bool[Tensor, "N S S"]
) -> float:
    """Mean over hidden pixels and channels, the guess clamped to [0, 1]; all photographs hide equally many."""
    difference = (guess.clamp(0, 1) - pixels).square().mean(1)
    return float(difference[hidden].double().mean())


class HeldOutPhotographs:
    """Photographs with patches hidden once and for all.

    Args:
        autoencoder: for its sizes.
        pixels: photographs in [0, 1].
        seed: of what is hidden.

    Attributes:
        plain: squared errors of what needs no training: ``normalised convolution``, the best of four widths *on these
            photographs*, and ``mean colour``.
        width: of the narrowest Gaussian of the best one, in pixels.
    """

    def __init__(self, autoencoder: Autoencoder, pixels: Float[Tensor, "N 3 S S"], seed: int) -> None:
        self.pixels = pixels
        self.patches = random_patches(len(pixels), autoencoder.grid**2, seed)
        self.pixels_hidden = autoencoder.spread(self.patches, (autoencoder.side, autoencoder.side))
        self.masks = (~self.pixels_hidden).float()
        errors = {w * autoencoder.patch: self.error(self._convolved(w * autoencoder.patch)) for w in _WIDTHS}
        self.width = min(errors, key=lambda width: errors[width])
        flat = self.error(lambda some: visible_mean(pixels[some], self.masks[some]).expand_as(pixels[some]))
        self.plain = {"normalised convolution": errors[self.width], "mean colour": flat}

    def _convolved(self, width: float) -> Callable[[slice], Tensor]:
        return lambda some: neighbours(self.pixels[some], self.masks[some], width)

    def guessed(self, autoencoder: Autoencoder) -> Callable[[slice], Tensor]:
        """The autoencoder's pictures, on the CPU."""

        @torch.no_grad()
        def guess(some: slice) -> Tensor:
            device = autoencoder.network.device
            hidden = self.patches[some].to(device)
            return autoencoder.reconstruct(self.pixels[some].to(device), hidden).float().cpu()

        return guess

    def error(self, guess: Callable[[slice], Tensor]) -> float:
        """The mean squared error of pictures that are given for some of the photographs."""
        parts = [slice(start, start + _BATCH) for start in range(0, len(self.pixels), _BATCH)]
        found = torch.cat([guess(some) for some in parts])
        return squared_error(self.pixels, found, self.pixels_hidden)

    def picture(self, autoencoder: Autoencoder) -> Figure:
        """Six photographs: as they are, what is seen, the autoencoder's guess, and the normalised convolution's."""
        from matplotlib.figure import Figure

        some = slice(0, _SHOWN)
        pixels, masks = self.pixels[some], self.masks[some][:, None]

        def pasted(guess: Callable[[slice], Tensor]) -> Tensor:
            return torch.where(masks > 0, pixels, guess(some).clamp(0, 1))

        rows = {
            "photograph": pixels,
            "what is seen": torch.where(masks > 0, pixels, 0.5),
            "autoencoder": pasted(self.guessed(autoencoder)),
            "normalised\nconvolution": pasted(self._convolved(self.width)),
        }
        figure = Figure(figsize=(1.6 * len(pixels) + 1, 1.65 * len(rows)), layout="constrained")
        grid = figure.subplots(len(rows), len(pixels), squeeze=False)
        for (title, images), axes in zip(rows.items(), grid, strict=True):
            for image, place in zip(images, axes, strict=True):
                place.imshow(image.permute(1, 2, 0).numpy())
                place.set(xticks=[], yticks=[])
            axes[0].set_ylabel(title, fontsize=9)
        return figure
