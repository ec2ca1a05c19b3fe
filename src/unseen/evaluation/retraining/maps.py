"""One method's maps of a whole data set, and the masks that follow from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from unseen.classifier import Classifier
from unseen.explainers.method import Method
from unseen.explainers.sufficient.search import map_of
from unseen.explanation.ranking import rank
from unseen.removal import Removal
from unseen.system.progress import ProgressListener

HidingOrder = Literal["top", "bottom"]


def maps_of(
    method: Method,
    removal: Removal,
    classifier: Classifier,
    images: Float[Tensor, "N 3 H W"],
    targets: Int[Tensor, " N"],
    *,
    seed: int = 0,
    progress: ProgressListener | None = None,
) -> Float[Tensor, "N H W"]:
    """The method's map of every photograph, for its target.

    Raises:
        NotApplicableError: the method has no sound rule for the network.
    """
    maps: list[Tensor] = []
    for image, target in zip(images, targets.tolist(), strict=True):
        maps.append(map_of(method, removal.bind(classifier, image), target, seed))
        if progress is not None:
            progress("explaining", len(maps), len(images))
    return torch.stack(maps)


def rankings(maps: Float[Tensor, "N H W"], *, seed: int = 0) -> Int[Tensor, "N P"]:
    """Pixels of every map, the largest value first; ties in a random order of each photograph's own."""
    streams = torch.randint(2**62, (len(maps),), generator=torch.Generator().manual_seed(seed)).tolist()
    return torch.stack([torch.as_tensor(rank(one, seed=own).order) for one, own in zip(maps, streams, strict=True)])


def masks_without(
    ranked: Int[Tensor, "N P"], share: float, order: HidingOrder, size: Sequence[int]
) -> Float[Tensor, "N H W"]:
    """Masks that hide a share of the pixels: the first of each ranking, or the last; 1 = visible.

    Args:
        ranked: see :func:`rankings`.
        share: of the pixels; their number is rounded.
        order: which end of the ranking is hidden.
        size: (H, W).
    """
    count = round(share * ranked.shape[1])
    hidden = ranked[:, :count] if order == "top" else ranked[:, ranked.shape[1] - count :]
    masks = torch.ones(ranked.shape, dtype=torch.float32).scatter_(1, hidden, 0.0)
    return masks.reshape(len(ranked), *size)
