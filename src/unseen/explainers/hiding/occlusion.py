"""Occlusion: how far the score falls when a sliding window hides a part.

Source: Zeiler & Fergus, *Visualizing and Understanding Convolutional Networks*, ECCV 2014, section 4.2; the colour of
the window is any removal.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.classifier.scores import Score, check_score
from unseen.errors import ParameterError
from unseen.explainers.hiding.windows import Pile, hiding, sliding
from unseen.explainers.scores import scored, still
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explainers.sufficient.search import FromMap
from unseen.explanation import Findings
from unseen.removal import MaskedClassifier


def occlusion(
    masked: MaskedClassifier, target: int, *, window: int, stride: int, score: Score = "logit"
) -> Float[Tensor, "H W"]:
    """The mean drop of the score over the windows that hide a pixel.

    Windows begin at every multiple of the stride; the last one of a row or column is moved inside, so that every pixel
    is hidden by at least one. Coverage differs between pixels, which is why it is a mean and not a sum.

    Args:
        masked: the classifier and its photograph.
        target: class index.
        window: side of the square window in pixels.
        stride: pixels between windows, at most ``window``.
        score: ``logit`` or ``probability``.

    Returns:
        Signed: positive where hiding lowers the score; 0 everywhere where no window changes it by more than rounding.
        float32.

    Raises:
        ParameterError: a window that is larger than the photograph, or a stride larger than the window.
    """
    check_score(score)
    height, width = masked.shape
    if not 1 <= window <= min(height, width):
        raise ParameterError(f"window {window} must lie in 1 … {min(height, width)} pixels")
    if not 1 <= stride <= window:
        raise ParameterError(f"stride {stride} must lie in 1 … {window} pixels; a larger one would leave pixels out")
    windows = sliding((height, width), window, stride)
    ((_, whole),) = scored(
        masked, lambda first, last: torch.ones(last - first, height, width, dtype=torch.float32), 1, [target], score
    )
    pile, done, ends = Pile((height, width)), 0, [whole]
    chunks = scored(
        masked, lambda first, last: hiding(windows[first:last], masked.shape), len(windows), [target], score
    )
    for _, values in chunks:
        pile.add(windows[done : done + len(values)], (whole[0] - values[:, 0]).tolist())
        done += len(values)
        ends += [values.amin(0, keepdim=True), values.amax(0, keepdim=True)]
    return torch.zeros(height, width, dtype=torch.float32) if bool(still(torch.cat(ends))) else pile.mean.float()


@dataclass(frozen=True)
class Occlusion(FromMap):
    """Hide a sliding window; a pixel's saliency is the mean drop of the score over the windows that hide it.

    Source: Zeiler & Fergus, ECCV 2014. Lengths are shares of the photograph's shorter side.

    Args:
        window: side of the window (0.2 is 45 pixels of 224).
        stride: between windows; the cost is about (1 / stride)² evaluations.
        score: ``logit`` or ``probability``.
        blur: see :class:`unseen.explainers.sufficient.search.FromMap`, as are the next two.
        block: 0 keeps the shortest prefix of the ranking.
        steps: prefix sizes evaluated for the curves.

    Raises:
        ParameterError: a parameter outside its range.
    """

    window: float = 0.2
    stride: float = 0.06
    score: Score = "logit"
    stage = "occlusion"
    empty = "hiding a window never changes the score of {label}: the map is empty"
    inside = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.window <= 1:
            raise ParameterError(f"window {self.window} must lie in (0, 1]; it is a share of the shorter side")
        if not 0 < self.stride <= self.window:
            raise ParameterError(f"stride {self.stride} must lie in (0, {self.window}], the window's side")
        check_score(self.score)

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "H W"] | None) -> Findings:
        """See :func:`occlusion`."""
        del seed, domain
        window, stride = self._pixels(evaluate.masked.shape)
        found = occlusion(evaluate.masked, evaluate.target, window=window, stride=stride, score=self.score)
        return Findings(found)

    def cost(self, shape: tuple[int, int]) -> int:
        """See :meth:`FromMap.cost`."""
        window, stride = self._pixels(shape)
        return 1 + len(sliding(shape, window, stride))

    def _pixels(self, shape: tuple[int, int]) -> tuple[int, int]:
        window, stride = (max(1, round(share * min(shape))) for share in (self.window, self.stride))
        return window, stride
