"""How few pixels a map consists of; nothing is asked of the model.

Source: Chalasani et al., *Concise Explanations of Neural Networks using Adversarial Training*, ICML 2020, section 5:
the Gini index, which Hurley & Rickard, *Comparing Measures of Sparsity*, IEEE TIT 2009, found to be the only one of
their measures with all that is asked of one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from unseen.metrics.case import Case
from unseen.system.options import Options


def gini_index(saliency: Float[Tensor, "*space"]) -> float:
    """Σ (2i − n − 1) aᵢ / (n Σ aᵢ) of a map's magnitudes aᵢ in rising order, i from 1 to n; NaN for a map of zeros.

    0 where all are alike, 1 − 1/n where a single one is not 0; the scale of the map does not matter.

    Args:
        saliency: signed; a pixel that speaks against the target weighs as one that speaks for it.
    """
    magnitudes = saliency.double().abs().flatten().sort().values
    count = len(magnitudes)
    weights = 2 * torch.arange(1, count + 1, dtype=torch.float64, device=magnitudes.device) - count - 1
    return float((weights @ magnitudes) / (count * magnitudes.sum()))


@dataclass(frozen=True)
class Sparseness(Options):
    """The :func:`gini_index` of the map.

    Example:
        >>> from dataclasses import replace
        >>> from unseen.metrics.sparseness import Sparseness
        >>> flat = replace(case, saliency=torch.ones(case.masked.shape))
        >>> Sparseness()(flat), Sparseness()(case) > 0.5
        (0.0, True)
    """

    def __call__(self, case: Case) -> float:
        """The value."""
        return gini_index(case.saliency)
