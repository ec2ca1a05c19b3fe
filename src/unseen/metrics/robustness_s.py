"""Robustness-S: how small a change of the salient pixels, or of the others, makes the network name another class?

Source: Hsieh et al., *Evaluations and Methods for Explanation through Robustness Analysis*, ICLR 2021 (thesis, Eq. 34
and 35). The smallest change cannot be computed; what an attack finds is an upper bound of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan
from typing import Annotated, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.classifier.differentiation import differentiable_logits, differentiated
from unseen.errors import NotApplicableError
from unseen.explanation.ranking import rank
from unseen.metrics.case import Case
from unseen.removal import MaskedClassifier
from unseen.system.options import Count, Meaning, Options, Share

Norm = Literal["l2", "linf"]
Region = Literal["balance", "inside", "outside"]

_RADII = 6
"""Attacked in one batch."""

_SHORTENINGS = 4
"""Rounds of as many lengths: the last change is at most 0.05 % longer than one that fails."""


@dataclass(frozen=True, eq=False)
class Change:
    """The smallest change that an attack found.

    Attributes:
        epsilon: its norm, in units of pixels in [0, 1]; infinite if none was found.
        delta: the change itself, shape ``(C, *space)``, 0 outside the region; ``None`` if none was found.
        evaluations: passes spent; all but the last few went forward and backward.
    """

    epsilon: float
    delta: Float[Tensor, "C *space"] | None
    evaluations: int

    @property
    def succeeded(self) -> bool:
        """Whether any change was found."""
        return self.delta is not None


def smallest_change(
    masked: MaskedClassifier,
    target: int,
    region: Bool[Tensor, "*space"],
    *,
    norm: Norm = "l2",
    steps: int = 8,
    rounds: int = 3,
) -> Change:
    """The smallest change inside a region that puts another class on top, with pixels kept in [0, 1].

    Six radii at a time are attacked by projected gradient descent on the margin (the class's logit minus the largest
    other). In the first round they reach from a tenth of what a linear network would need to the whole box; in later
    ones they lie between the largest that failed and the change found so far, from which they begin. At last that
    change is shortened as far as it works, which is exact where the network is linear. Nothing is random.

    Args:
        masked: the photograph; how it hides does not matter, for the network is attacked as it is.
        target: the class that the network names.
        region: where pixels may change.
        norm: ``l2`` over pixels and channels, or ``linf``.
        steps: gradients of one attack, the first step to the whole radius.
        rounds: of six radii each.

    Returns:
        The change, with at most ``1 + 6 · steps · rounds + 24`` evaluations (169 by default), mostly half of it: a
        radius is left as soon as it, or a smaller one, works.

    Raises:
        NotApplicableError: the network does not name the class, or has no gradient.
    """
    before = masked.evaluations
    attack = _Attack(masked, target, region.to(masked.pixels.device), norm)
    margin, slope = attack.margins(torch.zeros_like(masked.pixels))
    if float(margin) <= 0:
        raise NotApplicableError(
            f"the network does not name {masked.classifier.label(target)!r} on this photograph, so no change is needed "
            "to change that; judge the map of the class that it names"
        )
    limit = float(attack.size(torch.maximum(masked.pixels, 1 - masked.pixels) * attack.region))
    steepest = float(slope.norm() if norm == "l2" else slope.abs().sum())
    if steepest == 0 or limit == 0:
        return Change(inf, None, masked.evaluations - before)
    low = min(float(margin) / steepest, limit) / 10
    radii = torch.logspace(0, 1, _RADII, base=limit / low, dtype=torch.float64) * low
    best, failing = attack(radii, attack.steepest(slope), steps)
    if best is None:
        return Change(inf, None, masked.evaluations - before)
    failed: list[float] = []
    for _ in range(rounds - 1):
        failed += radii[:failing].tolist()
        high = float(attack.size(best))
        low = max((radius for radius in failed if radius < high), default=high / 10)
        radii = torch.logspace(0, 1, _RADII + 2, base=high / low, dtype=torch.float64)[1:-1] * low
        found, failing = attack(radii, best, steps)
        best = best if found is None else found
    best = attack.shortened(best)
    return Change(float(attack.size(best)), best[0].float().cpu(), masked.evaluations - before)


@dataclass(frozen=True, eq=False)
class _Attack:
    """Changes of the photograph inside the region, shape ``(N, C, *space)``, and what the network says of them."""

    masked: MaskedClassifier
    target: int
    region: Tensor
    norm: Norm

    def __call__(self, radii: Tensor, towards: Tensor, steps: int) -> tuple[Tensor | None, int]:
        """The change of the smallest radius that works, ``(1, C, *space)``, if any does; how many before it do not."""
        radius = self.column(radii)
        changes = self.projected(towards / self.size(towards) * radius, radius)
        found, failing = None, len(radii)
        for step in range(1, steps + 1):
            margins, slopes = self.margins(changes)
            works = margins < 0
            if bool(works.any()):
                failing = int(works.int().argmax())  # radii ascend, so larger ones are no longer of interest
                found = changes[failing : failing + 1]
                changes, slopes, radius = changes[:failing], slopes[:failing], radius[:failing]
                if failing == 0:
                    break
            length = radius * (1 - step / (steps + 1))
            changes = self.projected(changes + length * self.steepest(slopes), radius)
        return found, failing

    @torch.no_grad()
    def shortened(self, change: Tensor) -> Tensor:
        """The same direction, as short as works."""
        low, high = 0.0, 1.0
        for _ in range(_SHORTENINGS):
            lengths = torch.linspace(low, high, _RADII + 2, dtype=torch.float64)[1:-1]
            margins, _ = self.margins(change * self.column(lengths), slopes=False)
            working = lengths[(margins < 0).cpu()].tolist()
            high = min([high, *working])
            low = max([low, *lengths[lengths < high].tolist()])
        return change * high

    def margins(self, changes: Tensor, *, slopes: bool = True) -> tuple[Tensor, Tensor]:
        """The class's logit minus the largest other, (N,), and its gradient, 0 where a pixel may not go downhill."""

        def evaluate(first: int, last: int) -> tuple[Tensor, Tensor]:
            images = (self.masked.pixels + changes[first:last]).clamp(0, 1).detach().requires_grad_(slopes)
            classifier = self.masked.classifier
            with classifier.frozen(), torch.set_grad_enabled(slopes):
                logits = differentiable_logits(self.masked.classifier, images) if slopes else classifier.forward(images)
                others = logits.clone()
                others[:, self.target] = -inf
                margins = logits[:, self.target] - others.amax(1)
                gradients = differentiated(classifier, margins.sum(), [images])[0] if slopes else images
            stuck = ((images <= 0) & (gradients > 0)) | ((images >= 1) & (gradients < 0))
            return margins.detach(), gradients * (self.region & ~stuck)

        found = list(self.masked.in_batches(len(changes), evaluate))
        return torch.cat([margins for margins, _ in found]), torch.cat([gradients for _, gradients in found])

    def steepest(self, slopes: Tensor) -> Tensor:
        """The change of size 1 that goes down fastest; 0 where nothing does."""
        if self.norm == "linf":
            return -slopes.sign()
        return -slopes / self.size(slopes).clamp(min=torch.finfo(slopes.dtype).tiny)

    def projected(self, changes: Tensor, radius: Tensor) -> Tensor:
        """Back into the ball, then into the box, which keeps it in the ball."""
        if self.norm == "linf":
            changes = changes.clamp(-radius, radius)
        else:
            changes = changes * (radius / self.size(changes).clamp(min=torch.finfo(changes.dtype).tiny)).clamp(max=1)
        return (self.masked.pixels + changes).clamp(0, 1) - self.masked.pixels

    def size(self, changes: Tensor) -> Tensor:
        """The norm of each, shape (N, 1, 1, …)."""
        if self.norm == "linf":
            return changes.abs().amax(tuple(range(1, changes.ndim)), keepdim=True)
        return changes.square().sum(tuple(range(1, changes.ndim)), keepdim=True).sqrt()

    def column(self, numbers: Tensor) -> Tensor:
        """One number for each change, shape (N, 1, 1, …)."""
        pixels = self.masked.pixels
        return numbers.to(pixels).reshape(-1, *(1,) * (pixels.ndim - 1))


@dataclass(frozen=True)
class RobustnessS(Options):
    """The smallest change of the most salient pixels, or of all others, that makes the network name another class.

    Source: Hsieh et al., ICLR 2021 (thesis, Eq. 34 and 35). The paper draws a curve over shares: a list of these
    metrics, one for each share. Values are comparable only between maps at the same share, for a larger region always
    needs less.

    ``inside`` changes the salient pixels, and less is better; ``outside`` the others, and more is better; both are
    infinite where no change was found. ``balance`` is outside / (inside + outside), from 0 to 1, and more is better: 1
    where only the salient pixels can change the class, NaN where neither can. A map that says nothing has about
    √share / (√share + √(1 − share)) of it under ``l2``: 0.25 at a share of 0.1.

    Raises:
        ParameterError: a parameter outside its range.

    Example:
        >>> from unseen.metrics.robustness_s import RobustnessS
        >>> RobustnessS(share=0.1, rounds=1)(case) > 0
        True
    """

    region: Annotated[Region, Meaning("which pixels are changed, or how the two compare")] = "balance"
    share: Annotated[float, Share("how many of the pixels are called salient", ends="()")] = 0.1
    norm: Annotated[Norm, Meaning("the norm of a change")] = "l2"
    steps: Annotated[int, Count("how many gradients one attack follows, the first to the whole radius")] = 8
    rounds: Annotated[int, Count("how many rounds there are, each of six radii")] = 3

    def __call__(self, case: Case) -> float:
        """See :meth:`Metric.__call__`.

        Raises:
            NotApplicableError: the network does not name the class, or has no gradient.
        """
        count = min(max(1, round(self.share * case.saliency.numel())), case.saliency.numel() - 1)
        salient = rank(case.saliency, seed=case.seed).prefix(count)
        sizes = {
            region: smallest_change(
                case.masked, case.target, pixels, norm=self.norm, steps=self.steps, rounds=self.rounds
            ).epsilon
            for region, pixels in (("inside", salient), ("outside", ~salient))
            if self.region in (region, "balance")
        }
        if self.region != "balance":
            return sizes[self.region]
        return balance(sizes["inside"], sizes["outside"])


def balance(inside: float, outside: float) -> float:
    """``outside / (inside + outside)``; 1 where only the outside is infinite, NaN where both are."""
    if outside == inf:
        return nan if inside == inf else 1.0
    return outside / (inside + outside)
