"""Occlusion: how far the score falls when a sliding window hides a part.

Source: Zeiler & Fergus, *Visualizing and Understanding Convolutional Networks*, ECCV 2014, section 4.2; the colour of
the window is any removal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from unseen.classifier.scores import Extent, Score
from unseen.errors import ParameterError
from unseen.explainers.hiding.own_segments import BySegments, segments_of
from unseen.explainers.hiding.segments import coalition_scores, number_of
from unseen.explainers.hiding.windows import WindowSums, hiding, sliding
from unseen.explainers.scores import scored
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explanation import Findings
from unseen.inputs.space import Space, side_of
from unseen.removal import MaskedClassifier
from unseen.system.options import Share


def occlusion(
    masked: MaskedClassifier, target: int, *, window: int, stride: int, score: Score = "logit"
) -> Float[Tensor, "*space"]:
    """The mean drop of the score over the windows that hide a pixel.

    Windows begin at every multiple of the stride; the last one of a row or column is moved inside, so that every pixel
    is hidden by at least one. Coverage differs between pixels, which is why it is a mean and not a sum.

    Args:
        masked: the classifier and its photograph.
        target: class index.
        window: side of the window in pixels; it is a square of an image, an interval of a signal, a cube of a volume.
        stride: pixels between windows, at most ``window``.
        score: ``logit`` or ``probability``.

    Returns:
        Signed: positive where hiding lowers the score; 0 everywhere where no window changes it by more than rounding.
        float32.

    Raises:
        ParameterError: a window that is larger than the photograph, or a stride larger than the window.
    """
    shape = masked.shape
    if not 1 <= window <= min(shape):
        raise ParameterError(f"window {window} must lie in 1 … {min(shape)} pixels")
    if not 1 <= stride <= window:
        raise ParameterError(f"stride {stride} must lie in 1 … {window} pixels; a larger one would leave pixels out")
    windows = sliding(shape, window, stride)
    ((_, whole),) = scored(
        masked, lambda first, last: torch.ones(last - first, *shape, dtype=torch.float32), 1, [target], score
    )
    pile, done, extent = WindowSums(shape), 0, Extent()
    extent.add(whole)
    chunks = scored(masked, lambda first, last: hiding(windows[first:last], shape), len(windows), [target], score)
    for _, scores in chunks:
        drops = (whole.values[0] - scores.values[:, 0]).tolist()
        pile.add(windows[done : done + len(drops)], drops)
        done += len(drops)
        extent.add(scores)
    return torch.zeros(shape, dtype=torch.float32) if bool(extent.still) else pile.mean.float()


def occlusion_of_segments(
    masked: MaskedClassifier, target: int, segments: Int[Tensor, "*space"], *, score: Score = "logit"
) -> Float[Tensor, "*space"]:
    """The drop of the score when a pixel's segment is hidden, one after the other.

    Args:
        masked: the classifier and its photograph.
        target: class index.
        segments: numbers 0 … S − 1 of the segments.
        score: ``logit`` or ``probability``.

    Returns:
        As of :func:`occlusion`.

    Raises:
        ParameterError: segments that are not the photograph's.
    """
    count = number_of(segments, masked.shape)
    shown = torch.cat([torch.ones(1, count, dtype=torch.bool), ~torch.eye(count, dtype=torch.bool)])
    found = coalition_scores(masked, shown, segments, [target], score)
    drops = (found.values[0] - found.values[1:, 0]) * ~found.still
    return drops[segments].float()


@dataclass(frozen=True)
class Occlusion(BySegments):
    """Hide a sliding window; a pixel's saliency is the mean drop of the score over the windows that hide it.

    Source: Zeiler & Fergus, ECCV 2014. Lengths are shares of the shorter side of an image; see
    :func:`~unseen.inputs.space.side_of` for signals and volumes.

    Raises:
        ParameterError: an option outside its range, or a stride that would leave pixels out.

    Example:
        >>> from unseen.explainers import map_of
        >>> from unseen.explainers.hiding.occlusion import Occlusion
        >>> saliency = map_of(Occlusion(window=0.25, stride=0.25), masked, target=0)
        >>> saliency[square].unique(), saliency[~square].unique()  # what hiding takes from the logit
        (tensor([1.5625]), tensor([0.3125]))
    """

    window: Annotated[
        float, Share("the side of the window, as a share of the photograph's shorter side", ends="(]")
    ] = 0.2
    stride: Annotated[
        float,
        Share("from one window to the next, as a share of that side; about (1 / stride)² evaluations", ends="(]"),
    ] = 0.06
    score: Score = "logit"
    stage = "occlusion"
    empty = "hiding a window never changes the score of {label}: the map is empty"
    inside = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.stride > self.window:
            raise ParameterError(
                f"stride must be in (0, {self.window}], got {self.stride}; above the window's side it leaves pixels out"
            )

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "*space"] | None) -> Findings:
        """See :func:`occlusion`."""
        del seed, domain
        if self.file is not None:
            cut = segments_of(evaluate.masked, 0, self.file)
            found = occlusion_of_segments(evaluate.masked, evaluate.target, cut.numbers, score=self.score)
            return Findings(found, notes=cut.notes, record={"segments": cut.count})
        window, stride = self._pixels(evaluate.masked.shape)
        found = occlusion(evaluate.masked, evaluate.target, window=window, stride=stride, score=self.score)
        return Findings(found)

    def cost(self, shape: Space) -> int | None:
        """See :meth:`FromMap.cost`; the segments of a file are counted when they are laid over the photograph."""
        if self.file is not None:
            return None
        window, stride = self._pixels(shape)
        return 1 + len(sliding(shape, window, stride))

    def _pixels(self, shape: Space) -> tuple[int, int]:
        return side_of(self.window, shape), side_of(self.stride, shape)
