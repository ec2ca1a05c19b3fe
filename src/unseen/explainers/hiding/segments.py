"""Segments of a photograph, and the scores of classes when only some of them are shown.

Source: Achanta et al., *SLIC Superpixels Compared to State-of-the-Art Superpixel Methods*, TPAMI 2012.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from unseen.errors import ParameterError
from unseen.explainers.scores import Score, scored
from unseen.removal import MaskedClassifier


def superpixels(image: Float[Tensor, "3 H W"], count: int) -> Int[Tensor, "H W"]:
    """Compact segments of one colour, by SLIC; the same photograph has the same ones every time.

    Args:
        image: the photograph, in [0, 1].
        count: about how many; a photograph has fewer where its colours leave a segment no room.

    Returns:
        Numbers of segments, int64, each of 0 … S − 1 at least once.

    Raises:
        ParameterError: a count below 1.
    """
    check_count(count)
    from skimage.segmentation import slic  # more than a second, which only those who need segments should wait

    pixels = image.permute(1, 2, 0).double().cpu().numpy()
    labels = slic(pixels, n_segments=count, compactness=10, start_label=0, channel_axis=-1)
    _, contiguous = torch.unique(torch.as_tensor(labels), return_inverse=True)
    return cast(Tensor, contiguous)


def check_count(count: int) -> None:
    """Refuse to cut a photograph into no segments.

    Raises:
        ParameterError: a count below 1.
    """
    if count < 1:
        raise ParameterError(f"segments {count} must be at least 1")


def number_of(segments: Int[Tensor, "H W"], shape: tuple[int, int]) -> int:
    """How many segments there are.

    Args:
        segments: the number of each pixel's segment.
        shape: (H, W) of the photograph.

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


def masks_of(
    coalitions: Bool[Tensor, "N S"], segments: Int[Tensor, "H W"]
) -> Callable[[int, int], Float[Tensor, "n H W"]]:
    """From one coalition's number up to another → the masks that show its segments; made when asked for."""
    return lambda first, last: coalitions[first:last].float()[:, segments]


def coalition_scores(
    masked: MaskedClassifier,
    coalitions: Bool[Tensor, "N S"],
    segments: Int[Tensor, "H W"],
    targets: Sequence[int],
    score: Score,
) -> Float[Tensor, "N T"]:
    """Scores of the classes when only a coalition's segments are shown; the same coalition is evaluated once.

    Args:
        masked: masks → logits.
        coalitions: the segments shown, at least one coalition.
        segments: the number of each pixel's segment.
        targets: class indices.
        score: ``logit`` or ``probability``.

    Returns:
        float64, in which all that is computed from them is.
    """
    distinct, where = torch.unique(coalitions, dim=0, return_inverse=True)
    chunks = scored(masked, masks_of(distinct, segments), len(distinct), targets, score)
    return torch.cat([values for _, values in chunks]).double()[where]
