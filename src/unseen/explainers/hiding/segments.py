"""Segments of a photograph, a signal or a volume, and the scores of classes when only some of them are shown.

Source: Achanta et al., *SLIC Superpixels Compared to State-of-the-Art Superpixel Methods*, TPAMI 2012.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor

from unseen.classifier.scores import Score, Scores
from unseen.errors import ParameterError
from unseen.explainers.scores import scored
from unseen.inputs.space import Space, extent, size_of
from unseen.removal import MaskedClassifier
from unseen.system.options import Count, check

Segments = Annotated[
    int, Count("about how many segments the photograph is cut into; a single one says the same of every pixel", 2)
]

Shown = Bool[Tensor, "N S"] | Float[Tensor, "N S"]
"""How much of each segment each mask shows: all or nothing, or any share where the removal takes soft masks."""

_SMOOTHING = 1 / 8
"""Radius of the median, and standard deviation of the Gaussian, before SLIC, as a share of a segment's side. On
photographs of 32 to 448 pixels, cut into 16 to 200 segments, clean ones are described better than without, and noise of
σ = 0.1 costs hardly any segment."""

_COMPACT = 10.0
"""How far colours in CIELAB are apart that weigh as much as a segment's side."""

_MOST, _HALF = 3 / 4, 1 / 2
"""Shares of the segments asked for, with which SLIC need not be helped by a median, and then by a Gaussian."""

_FEW, _TOO_FEW = 1 / 3, 1 / 5
"""Shares of the segments asked for, below which a grid is laid instead, and below which there are too few of them."""


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Segments of a photograph, and what the reader must know of them.

    Attributes:
        numbers: of each pixel's segment, int64, shape ``space``: each of 0 … S − 1 at least once.
        notes: that the segments are the cells of a grid, where they are.
    """

    numbers: Tensor
    notes: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """How many segments there are."""
        return int(self.numbers.max()) + 1

    def shared_out(self, values: Float[Tensor, " S"]) -> Float[Tensor, "*space"]:
        """A map that adds up to the values: each shared equally between the pixels of its segment. float32."""
        return (values / self.numbers.flatten().bincount())[self.numbers].float()


def segmentation(image: Float[Tensor, "C *space"], count: int) -> Segmentation:
    """Compact segments of one colour, by SLIC; the same input has the same ones every time.

    A signal is cut into intervals of about one value, a volume into supervoxels. SLIC breaks down where there is noise.
    If it finds less than most of the segments, noise is taken away first: by a median, which leaves edges where they
    are, or by a Gaussian if that is not enough. Where there is still less than a third of them, the cells of a regular
    grid take their place.

    Args:
        image: the photograph, signal or volume, in [0, 1].
        count: about how many; a photograph has fewer where its colours leave a segment no room.

    Raises:
        ParameterError: a count below 1, or more than the photograph's pixels.

    Example:
        >>> import torch
        >>> from unseen.explainers.hiding.segments import segmentation
        >>> step = (torch.arange(60) >= 25).float()[None]
        >>> found = segmentation(step, 6).numbers
        >>> found.shape, bool(found[24] != found[25])
        (torch.Size([60]), True)
    """
    check("segments", count, Annotated[int, Count("about how many segments are cut")])
    space = tuple(image.shape[1:])
    if size_of(space) < count:
        raise ParameterError(f"segments {count} cannot be cut from {extent(space)}; ask for at most {size_of(space)}")
    from scipy.ndimage import median_filter

    colours, convert = _colours(image)
    pixels = colours.movedim(0, -1).double().cpu().numpy()
    noise = _SMOOTHING * (size_of(space) / count) ** (1 / len(space))
    window = (2 * round(noise) + 1,) * len(space)
    attempts: list[tuple[float, Callable[[], Any], float]] = [
        (_MOST, lambda: pixels, 0.0),
        (_HALF, lambda: median_filter(pixels, size=(*window, 1)), 0.0),
        (_HALF, lambda: pixels, noise),
    ]
    numbers, found, notes = torch.zeros(space, dtype=torch.long), 0, []
    for enough, picture, sigma in attempts:
        tried = _slic(picture(), count, sigma, convert)
        if int(tried.max()) + 1 > found:
            numbers, found = tried, int(tried.max()) + 1
        if found >= enough * count:
            break
    if found < max(_FEW * count, min(count, 2)):
        numbers = grid(space, count)
        cells = int(numbers.max()) + 1
        notes.append(
            f"segments are the {cells} cells of a regular grid and follow no edges, for only {found} of {count} could "
            f"be told apart by {'colour' if len(space) == 2 else 'value'}"
        )
    return Segmentation(numbers, tuple(notes))


def _slic(pixels: NDArray[np.float64], count: int, sigma: float, convert: bool) -> Int[Tensor, "*space"]:
    """Segments numbered from 0 of colours of shape ``(*space, C)``.

    SLIC itself stretches colours to [0, 1]. In CIELAB black and white are then 100 apart, and so they are without it.
    """
    from skimage.segmentation import slic  # more than a second, which only those who need segments should wait

    planar = pixels if pixels.ndim > 2 else pixels[None]  # a signal is an image of one row
    compactness = _COMPACT if convert else _COMPACT * pixels.shape[-1] ** 0.5 / 100
    labels = slic(planar, n_segments=count, compactness=compactness, sigma=sigma, start_label=0, convert2lab=convert)
    numbers: Tensor = torch.unique(torch.as_tensor(labels), return_inverse=True)[1]
    return numbers.reshape(pixels.shape[:-1])


def _colours(image: Float[Tensor, "C *space"]) -> tuple[Float[Tensor, "D *space"], bool]:
    """What SLIC measures distances of colour in, and whether it is to take it for RGB and convert it to CIELAB.

    One channel of an image is a grey photograph. The channels of a signal or a volume begin at 0 each, for what counts
    is how far they move, and not where in their declared range.
    """
    if image.ndim != 3:
        return image - image.flatten(1).amin(1).reshape(-1, *(1,) * (image.ndim - 1)), False
    if len(image) in (1, 3):
        return image.expand(3, -1, -1), True
    return image, False


def grid(shape: Space, count: int) -> Int[Tensor, "*space"]:
    """About so many cells, as square as can be, numbered row by row from 0."""
    numbers, wanted = torch.zeros((), dtype=torch.long), float(count)
    for axis, length in enumerate(shape):
        rest = shape[axis + 1 :]
        cells = min(length, max(1, round((wanted * length ** len(rest) / size_of(rest)) ** (1 / (len(rest) + 1)))))
        numbers = numbers[..., None] * cells + torch.arange(length) * cells // length
        wanted /= cells
    return numbers


def number_of(segments: Int[Tensor, "*space"], shape: Space) -> int:
    """How many segments there are.

    Args:
        segments: the number of each pixel's segment.
        shape: of the photograph, without its channels.

    Raises:
        ParameterError: segments of another shape than the photograph, or numbers other than 0 … S − 1.
    """
    if tuple(segments.shape) != shape:
        raise ParameterError(f"segments have shape {tuple(segments.shape)}; expected {shape}, that of the photograph")
    labels = torch.unique(segments)
    if not torch.equal(labels, torch.arange(len(labels))):
        raise ParameterError(
            f"segments are numbered {int(labels[0])} … {int(labels[-1])} and there are {len(labels)}; "
            f"expected each of 0 … {len(labels) - 1}"
        )
    return len(labels)


def masks_of(coalitions: Shown, segments: Int[Tensor, "*space"]) -> Callable[[int, int], Float[Tensor, "n *space"]]:
    """From one coalition's number up to another → the masks that show its segments; made when asked for."""
    return lambda first, last: coalitions[first:last].float()[:, segments]


def coalition_scores(
    masked: MaskedClassifier,
    coalitions: Shown,
    segments: Int[Tensor, "*space"],
    targets: Sequence[int],
    score: Score,
) -> Scores:
    """Scores of the classes when only a coalition's segments are shown; the same coalition is evaluated once.

    Args:
        masked: masks → logits.
        coalitions: the segments shown, or how much of each; at least one coalition.
        segments: the number of each pixel's segment.
        targets: class indices.
        score: ``logit`` or ``probability``.
    """
    distinct, where = torch.unique(coalitions, dim=0, return_inverse=True)
    chunks = scored(masked, masks_of(distinct, segments), len(distinct), targets, score)
    found = Scores.joined(scores for _, scores in chunks)
    return Scores(found.values[where], found.errors[where])
