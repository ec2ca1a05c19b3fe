"""Does the sum of the map over a hidden part say how far the score falls?

Both metrics hide random parts of *one size*, so that a map that is the same everywhere says nothing: with parts of
several sizes it would be rewarded for knowing that hiding more costs more. Sensitivity-n hides parts that are scattered
over the photograph, infidelity squares; a map may be faithful to one and not to the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan, nan
from typing import Annotated, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from unseen.classifier.scores import Score, Scores
from unseen.explainers.hiding.windows import hiding
from unseen.inputs.space import Space, side_of
from unseen.metrics.case import Case, MaskMetric
from unseen.metrics.similarity import correlation
from unseen.system.options import Count, Meaning, Share

InfidelityForm = Literal["relative", "scaled", "literal"]


def infidelity(sums: Float[Tensor, " N"], drops: Float[Tensor, " N"], form: InfidelityForm = "relative") -> float:
    """How far the sums of a map over hidden parts are from the drops of the score.

    Source: Yeh et al., *On the (In)fidelity and Sensitivity of Explanations*, NeurIPS 2019.

    Args:
        sums: Iᵀφ, the sum of the map over what each perturbation hides.
        drops: f(x) − f(x − I), how far the score falls.
        form: ``literal`` is E[(Iᵀφ − drop)²], Definition 2.1. ``scaled`` is the same of βφ, where the paper's
            β = E[Iᵀφ · drop] / E[(Iᵀφ)²] makes it least: the map's unit no longer matters, but β may be negative, and a
            map that is wrong about every sign is as good as its opposite. ``relative`` departs from the paper: sums and
            drops are centred, β ≥ 0, and the value is a share of the drops' variance, so that 0 is a perfect map and
            1 one that says nothing, or the opposite. It is 1 − max(ρ, 0)², ρ the correlation.

    Returns:
        ≥ 0; in units of the score squared, or from 0 to 1 if ``relative``, then NaN if all drops are the same.
    """
    if form == "relative":
        if isnan(correlation(drops, drops)):
            return nan
        rho = float(correlation(sums, drops))
        return 1.0 if isnan(rho) else 1 - max(rho, 0.0) ** 2
    one, other = sums.double(), drops.double()
    square = float(one @ one)
    beta = 1.0 if form == "literal" else float(one @ other) / square if square > 0 else 0.0
    return float((beta * one - other).square().mean())


def patches(shape: Space, side: int) -> Int[Tensor, "*space"]:
    """Numbers of square patches, row by row; the last of a row or column may be smaller, int64."""
    numbers = torch.zeros((), dtype=torch.long)
    for length in shape:
        numbers = numbers[..., None] * -(-length // side) + torch.arange(length) // side
    return numbers


@dataclass(frozen=True, kw_only=True)
class _Drops(MaskMetric):
    """What the two have in common: the photograph itself is asked first, then parts hidden."""

    score: Score = "logit"

    def measured(
        self, case: Case, masks: Tensor, logits: Float[Tensor, "N K"]
    ) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
        """The sum of the map over what each mask hides, and the drop of the score, float64; 0 if logits only round."""
        saliency = case.saliency.double().cpu().flatten()
        sums = torch.stack([saliency[~mask.flatten()].sum() for mask in masks[1:].bool().cpu()])
        scores = Scores.of(case.classifier, logits, [case.target], self.score)
        values = scores.values[:, 0]
        return sums, (values[0] - values[1:]) * (~scores.still)


@dataclass(frozen=True)
class SensitivityN(_Drops):
    """Correlation of the sum of the map over a random subset of n features with the drop when they are hidden.

    Source: Ancona et al., *Towards Better Understanding of Gradient-Based Attribution Methods for Deep Neural
    Networks*, ICLR 2018, section 4 (thesis, Eq. 32). With one n it is also the *faithfulness correlation* of Bhatt et
    al., *Evaluating and Aggregating Feature-Based Model Explanations*, IJCAI 2020, Eq. 2, which is why there is no
    other metric of that name. The paper's curve over n is a list of these metrics, one for each n.

    The features are square patches, not the paper's single pixels. Among 50,176 pixels drawn at random, all subsets
    have nearly the same sum and cover every object alike: the drops are noise, and no map explains them. Measured on
    six photographs (``unseen evaluate FOLDER --limit 6 --methods occlusion --removals grey``, 60 subsets): on single
    pixels (``patch=0.0045``) an occlusion map correlates −0.08, 0.01 and −0.00 at n = 0.05, 0.2 and 0.5, no interval
    beyond ±0.2; on 14 × 14 patches 0.42 [0.25, 0.58], 0.48 [0.31, 0.63] and 0.01 [−0.23, 0.24].

    Raises:
        ParameterError: a parameter outside its range.

    Example:
        >>> from unseen.metrics.faithfulness import SensitivityN
        >>> SensitivityN(subsets=20)(case) > 0.9
        True
    """

    n: Annotated[float, Share("how many of the features are hidden, at least one and not all", ends="()")] = 0.05
    subsets: Annotated[
        int,
        Count("how many subsets are drawn; two always correlate, and the standard error near 0 is about 1/√subsets", 3),
    ] = 100
    patch: Annotated[
        float,
        Share("the side of a patch, as a share of the photograph's shorter side; 0 takes single pixels", high=0.5),
    ] = 1 / 14

    def masks(self, case: Case) -> Tensor:
        """See :meth:`MaskMetric.masks`: the photograph, then one mask for each subset."""
        features = patches(case.masked.shape, side_of(self.patch, case.masked.shape))
        total = int(features.max()) + 1
        count = min(max(1, round(self.n * total)), total - 1)
        generator = case.generator()
        shown = torch.ones(1 + self.subsets, total, dtype=torch.bool)
        for subset in shown[1:]:
            subset[torch.randperm(total, generator=generator)[:count]] = False
        return shown[:, features]

    def value(self, case: Case, masks: Tensor, logits: Float[Tensor, "N K"]) -> float:
        """See :func:`correlation`: NaN for a map, or a score, that is the same on every subset."""
        return float(correlation(*self.measured(case, masks, logits)))


@dataclass(frozen=True)
class Infidelity(_Drops):
    """The squared distance between the sum of the map over a hidden square and the drop of the score.

    Source: Yeh et al., *On the (In)fidelity and Sensitivity of Explanations*, NeurIPS 2019, Definition 2.1 with their
    square removal, by any removal; see :func:`infidelity` for the forms. The paper multiplies the map by I, the change
    of every pixel: it judges derivatives. Maps here are contributions, already in the score's unit, so I is 1 on what
    is hidden and 0 elsewhere. The squares have one size; the paper's have several, and then the size alone predicts
    much of the drop.

    Raises:
        ParameterError: a parameter outside its range.

    Example:
        >>> from unseen.metrics.faithfulness import Infidelity
        >>> 0 <= Infidelity(samples=20)(case) <= 1
        True
    """

    samples: Annotated[
        int, Count("how many squares are drawn, anywhere inside the photograph; two are always fitted fully", 3)
    ] = 100
    side: Annotated[float, Share("the side of the square, as a share of the photograph's shorter side", ends="()")] = (
        0.3
    )
    form: Annotated[
        InfidelityForm,
        Meaning(
            "whether the map is taken as it is (literal, Definition 2.1), scaled to fit best, or also centred "
            "and told as a share of the drops' variance"
        ),
    ] = "relative"

    def masks(self, case: Case) -> Tensor:
        """See :meth:`MaskMetric.masks`: the photograph, then one mask for each square."""
        shape = case.masked.shape
        side = side_of(self.side, shape)
        generator = case.generator()
        corners = [torch.randint(n - side + 1, (self.samples,), generator=generator).tolist() for n in shape]
        squares = hiding([(corner, side) for corner in zip(*corners, strict=True)], shape)
        return torch.cat([torch.ones(1, *shape, dtype=torch.float32), squares]).bool()

    def value(self, case: Case, masks: Tensor, logits: Float[Tensor, "N K"]) -> float:
        """See :func:`infidelity`."""
        return infidelity(*self.measured(case, masks, logits), self.form)
