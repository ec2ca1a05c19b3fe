"""Top-k ablation: which class is named when only the top of the map is left?

Source: Haug, Zürn, El-Jiz & Kasneci, *On Baselines for Local Feature Attributions*, 2021 (arXiv 2101.00905), as seed
002 reports it in section 4.3.2.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Annotated

from jaxtyping import Bool, Float
from torch import Tensor

from unseen.explanation.ranking import rank
from unseen.metrics.case import Case, MaskMetric
from unseen.system.options import Share


@dataclass(frozen=True)
class TopKAblation(MaskMetric):
    """The class that the model names when only the most salient pixels are visible, as an index.

    The paper's number is an F1-score, which belongs to a set of photographs and is no mean: :func:`macro_f1` of these
    classes and the explained ones, higher is better. ``unseen evaluate`` reports it, and compares methods photograph by
    photograph by whether the class is kept. ``accuracy-preservation`` asks whether the network's own class is.

    Raises:
        ParameterError: a share outside its range.

    Example:
        >>> from unseen.metrics.ablation import TopKAblation
        >>> TopKAblation(share=0.1)(case)  # the class that is named
        0.0
    """

    share: Annotated[
        float,
        Share("how much of the photograph stays visible; ties are broken at random by the case's seed", ends="()"),
    ] = 0.3

    def masks(self, case: Case) -> Bool[Tensor, "1 *space"]:
        """The top of the ranking, at least one pixel."""
        return rank(case.saliency, seed=case.seed).prefix(ceil(self.share * case.saliency.numel()))[None]

    def value(self, case: Case, masks: Tensor, logits: Float[Tensor, "1 K"]) -> float:
        """See :class:`TopKAblation`."""
        del masks
        return float(case.classifier.outputs.top(logits[0]))


def macro_f1(predicted: Sequence[float], targets: Sequence[int]) -> float:
    """The mean, over the classes that occur among either, of F1 = 2·hits / (predicted + targets of the class).

    Every class counts alike. Micro-averaged, F1 would be the accuracy.

    Args:
        predicted: class that is named for each photograph after ablation.
        targets: class that each map explains.

    Returns:
        A number in [0, 1]; NaN of no photographs.
    """
    if not len(targets):
        return float("nan")
    named, meant = Counter(map(int, predicted)), Counter(targets)
    hits = Counter(t for p, t in zip(predicted, targets, strict=True) if p == t)
    classes = named.keys() | meant.keys()
    return sum(2 * hits[c] / (named[c] + meant[c]) for c in classes) / len(classes)
