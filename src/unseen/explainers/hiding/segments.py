"""Segments of a photograph, and the scores of classes when only some of them are shown.

Source: Achanta et al., *SLIC Superpixels Compared to State-of-the-Art Superpixel Methods*, TPAMI 2012.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from unseen.classifier.scores import Score, Scores
from unseen.errors import ParameterError
from unseen.explainers.scores import scored
from unseen.inputs.space import KINDS, Space, extent, size_of
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


def segmentation(image: Float[Tensor, "C *space"], count: int) -> Segmentation:
    """Compact segments of one colour, by SLIC; the same photograph has the same ones every time.

    A signal or a volume is cut into the cells of a regular grid. SLIC breaks down where there is noise. If it finds
    less than most of the segments, noise is taken away first: by a median, which leaves edges where they are, or by a
    Gaussian if that is not enough. Where there is still less than a third of them, the cells of a regular grid take
    their place.

    Args:
        image: the photograph, in [0, 1].
        count: about how many; a photograph has fewer where its colours leave a segment no room.

    Raises:
        ParameterError: a count below 1, or more than the photograph's pixels.
    """
    check("segments", count, Annotated[int, Count("about how many segments are cut")])
    space = tuple(image.shape[1:])
    if size_of(space) < count:
        raise ParameterError(f"segments {count} cannot be cut from {extent(space)}; ask for at most {size_of(space)}")
    if len(space) != 2:
        numbers = grid(space, count)
        cells = int(numbers.max()) + 1
        return Segmentation(numbers, (f"segments of a {KINDS[len(space)]} are the {cells} cells of a regular grid",))
    from scipy.ndimage import median_filter
    from skimage.segmentation import slic  # more than a second, which only those who need segments should wait

    height, width = space
    colours, convert = _colours(image)
    pixels = colours.permute(1, 2, 0).double().cpu().numpy()
    noise = _SMOOTHING * (height * width / count) ** 0.5
    window = (2 * round(noise) + 1,) * 2
    attempts: list[tuple[float, Callable[[], Any], float]] = [
        (_MOST, lambda: pixels, 0.0),
        (_HALF, lambda: median_filter(pixels, size=(*window, 1)), 0.0),
        (_HALF, lambda: pixels, noise),
    ]
    numbers, found, notes = torch.zeros(height, width, dtype=torch.long), 0, []
    for enough, picture, sigma in attempts:
        labels = slic(picture(), n_segments=count, compactness=10, sigma=sigma, start_label=0, convert2lab=convert)
        _, tried = torch.unique(torch.as_tensor(labels), return_inverse=True)
        if int(tried.max()) + 1 > found:
            numbers, found = tried, int(tried.max()) + 1
        if found >= enough * count:
            break
    if found < max(_FEW * count, min(count, 2)):
        numbers = grid((height, width), count)
        cells = int(numbers.max()) + 1
        notes.append(
            f"segments are the {cells} cells of a regular grid and follow no edges, for only {found} of {count} could "
            "be told apart by colour"
        )
    return Segmentation(numbers, tuple(notes))


def _colours(image: Float[Tensor, "C *space"]) -> tuple[Float[Tensor, "D *space"], bool]:
    """What SLIC measures distances of colour in, and whether it is to take it for RGB and convert it to CIELAB.

    One channel is a grey photograph. Of other than one or three, black and white in all channels are as far apart as
    in CIELAB: 100.
    """
    if len(image) in (1, 3):
        return image.expand(3, -1, -1), True
    return 100 * image / len(image) ** 0.5, False


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
