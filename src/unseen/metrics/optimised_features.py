"""Patches whose part in a decision is known, for the network was asked to make them so.

Sources: Khakzar et al., *Do Explanations Explain? Model Knows Best*, CVPR 2022; seed 002, section 4.2.3. On a
background of noise x lie two patches, m and n. Pixels of m are optimised to raise the logit of class a. Pixels of n are
optimised to raise class b and to change nothing for a, alone or together with m: n is then no player in a's decision,
though the network sees something in it. Seed 002 prints "min f" in Eqs. 29 and 30 where f is to grow: its f is a loss.
Two liberties are taken: m is finished before n begins, on x_m instead of x_{m,n}, which are the same to a where n's
constraint holds; and the constraints' squares have a weight.

The patches are adversarial, and constraints hold for hiding a patch as a whole, in the logit: a gradient, or a
probability, may answer to n all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from unseen.attribution.derivatives import differentiated
from unseen.errors import NotApplicableError, ParameterError
from unseen.metrics.case import Case
from unseen.removal import MaskedClassifier

Scenario = Literal["null", "single", "double"]

SIDE = 0.35
"""Of a patch, as a share of the image's sides."""

Aim = tuple[int, int, Tensor | None]
"""(image, class, the logit that is wanted, or ``None`` for as high as can be)."""


@dataclass(frozen=True, eq=False)
class Composite:
    """A background with patches of known effect.

    Attributes:
        image: background with both patches (``single``: with m only), in [0, 1], shape (3, H, W).
        regions: the pixels of m and n, bool of shape (2, H, W); under ``single`` nothing was done to those of n.
        classes: a, and b where there is one.
        raised: by how much m alone raises a's logit over the background, and under ``double`` n alone b's.
        residuals: by name, how far each constraint is from holding, in logits.
    """

    image: Tensor
    regions: Tensor
    classes: tuple[int, ...]
    raised: tuple[float, ...]
    residuals: dict[str, float]

    @property
    def residual(self) -> float:
        """The largest one over the smallest rise: 0 is perfect, at 1 n matters as much as m; inf if nothing rose."""
        lowest = min(self.raised)
        return max(self.residuals.values(), default=0.0) / lowest if lowest > 0 else float("inf")


def optimised_features(
    masked: MaskedClassifier,
    first: int,
    second: int,
    scenario: Scenario = "null",
    *,
    seed: int = 0,
    steps: int = 40,
    rate: float = 0.05,
    weight: float = 4.0,
) -> Composite:
    """Optimise the patches.

    Args:
        masked: whose classifier and batches are used; its photograph gives the size only.
        first: class a, raised by m.
        second: class b, raised by n; without meaning under ``single``.
        scenario: ``null``, n changes nothing for a; ``single``, m only; ``double``, neither patch changes anything for
            the other's class.
        seed: of the background, and of where the patches lie.
        steps: of Adam, for each patch; m costs one image a step, n two.
        rate: Adam's, in pixel values.
        weight: of the constraints' squares.

    Raises:
        NotApplicableError: the network cannot be differentiated.
    """
    stream = torch.Generator().manual_seed(seed)
    background = torch.rand(masked.image.shape, generator=stream)
    regions = _regions(masked.shape, stream)
    m, n = regions
    (x,) = _logits(masked, background[None])
    keep_b = [(0, second, x[second])] if scenario == "double" else []
    with_m = _optimised(masked, background, m, [None], [(0, first, None), *keep_b], steps, rate, weight)
    (x_m,) = _logits(masked, with_m[None])
    raised = [float(x_m[first] - x[first])]
    if scenario == "single":
        return Composite(with_m, regions, (first,), tuple(raised), {})
    # images: 0 is n on the background, 1 is n beside m
    aims: list[Aim] = [(1, second, None), (0, first, x[first]), (1, first, x_m[first])]
    with_n = _optimised(masked, background, n, [None, with_m], aims, steps, rate, weight)
    both = torch.where(n, with_n, with_m)
    x_n, x_mn = _logits(masked, torch.stack([with_n, both]))
    residuals = {
        "n alone on a": float((x_n[first] - x[first]).abs()),
        "n beside m on a": float((x_mn[first] - x_m[first]).abs()),
    }
    if scenario == "double":
        raised.append(float(x_n[second] - x[second]))
        residuals["m alone on b"] = float((x_m[second] - x[second]).abs())
        residuals["m beside n on b"] = float((x_mn[second] - x_n[second]).abs())
    return Composite(both, regions, (first, second), tuple(raised), residuals)


def share_on(saliency: Float[Tensor, "H W"], composite: Composite, patch: int) -> float:
    """Of the positive saliency on both patches, the share that lies on one; NaN where there is none on either."""
    positive = saliency.double().clamp(min=0).cpu()
    inside = torch.stack([positive[region].sum() for region in composite.regions])
    return float(inside[patch] / inside.sum())


@dataclass(frozen=True)
class OptimisedFeatures:
    """What a method says of patches whose part in the decision is known; the case's photograph is not looked at.

    The explained class is a. The set-up is made once for each classifier, class and seed, and kept.

    Args:
        scenario: ``null``: share of the positive saliency on both patches that lies on m. ``double``: the mean of that
            for a, and of n's share for b. ``single``: share on m against an equal area of noise.
        steps: of Adam, for each patch.
        tolerance: largest residual of the constraints, as a share of what the patches raise.

    Raises:
        ParameterError: a parameter outside its range.
    """

    scenario: Scenario = "null"
    steps: int = 40
    tolerance: float = 0.2
    _made: dict[tuple[object, ...], Composite] = field(default_factory=dict, init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.scenario not in get_args(Scenario):
            raise ParameterError(f"scenario {self.scenario!r} must be null, single or double")
        if not 1 <= self.steps <= 100:
            raise ParameterError(f"steps {self.steps} must lie in 1 … 100")
        if not 0 < self.tolerance < 1:
            raise ParameterError(f"tolerance {self.tolerance} must lie in (0, 1)")

    def __call__(self, case: Case) -> float:
        """In [0, 1]; ½ is what a constant map has; NaN where nothing on either patch is positive.

        Raises:
            NotApplicableError: there is no method; the network cannot be differentiated; the constraints do not hold.
        """
        if case.explainer is None:
            case.explained(case.image)  # refuses, before anything is optimised
        made = self.composite(case)
        shares = [share_on(case.explained(made.image), made, 0)]
        if self.scenario == "double":
            shares.append(share_on(case.explained(made.image, target=made.classes[1]), made, 1))
        return sum(shares) / len(shares)

    def composite(self, case: Case) -> Composite:
        """The set-up for a case's classifier, class and seed.

        Raises:
            NotApplicableError: the network cannot be differentiated, or the constraints do not hold.
        """
        key = case.classifier.fingerprint, case.classifier.preprocessing, case.masked.shape, case.target, case.seed
        if key not in self._made:
            (logits,) = _logits(case.masked, case.image[None])
            stream = torch.Generator().manual_seed(case.seed)
            other = int(torch.randint(len(logits) - 1, (1,), generator=stream))
            other += other >= case.target
            self._made[key] = optimised_features(
                case.masked, case.target, other, self.scenario, seed=case.seed, steps=self.steps
            )
        made = self._made[key]
        if not made.residual <= self.tolerance:
            raise NotApplicableError(
                f"patches with a known part in the decision were not found: the residual of the constraints is "
                f"{made.residual:.2f} of what the patches raise, above {self.tolerance}; try more steps or another seed"
            )
        return made


def _optimised(
    masked: MaskedClassifier,
    background: Tensor,
    region: Tensor,
    contexts: Sequence[Tensor | None],
    aims: Sequence[Aim],
    steps: int,
    rate: float,
    weight: float,
) -> Tensor:
    """The background with a patch optimised for all aims at once, shown on each context (``None``: the background)."""
    classifier = masked.classifier
    patch = background.clone()
    adam = torch.optim.Adam([patch], lr=rate)
    around = torch.stack([background if context is None else context for context in contexts])

    def evaluate(start: int, stop: int) -> Tensor:
        with classifier.frozen(), torch.enable_grad():
            images = torch.where(region, patch, around[start:stop]).to(classifier.device).requires_grad_()
            logits = classifier.forward(images)
            if not logits.requires_grad:
                raise NotApplicableError(f"{classifier.name} has no gradients, by which patches could be optimised")
            loss = logits.sum() * 0
            for image, target, wanted in aims:
                if start <= image < stop:
                    value = logits[image - start, target]
                    loss = loss + (-value if wanted is None else weight * (value - wanted.to(value)) ** 2)
            (gradients,) = differentiated(classifier, loss, [images])
        return gradients.float().cpu().sum(0)

    for _ in range(steps):
        total = torch.stack(list(masked.in_batches(len(contexts), evaluate))).sum(0)
        patch.grad = total * region
        adam.step()
        patch.clamp_(0, 1)
    return torch.where(region, patch, background)


def _logits(masked: MaskedClassifier, images: Float[Tensor, "N 3 H W"]) -> Float[Tensor, "N K"]:
    return torch.cat(
        list(masked.in_batches(len(images), lambda first, last: masked.classifier.logits(images[first:last])))
    )


def _regions(shape: tuple[int, int], stream: torch.Generator) -> Tensor:
    """Two equal rectangles, one in each half of the image's width, in random order and at random heights."""
    height, width = shape
    tall, wide = max(1, round(SIDE * height)), max(1, round(SIDE * width))
    regions = torch.zeros(2, height, width, dtype=torch.bool)
    swapped = int(torch.randint(2, (1,), generator=stream))
    for side in range(2):
        top = int(torch.randint(height - tall + 1, (1,), generator=stream))
        left = side * (width // 2) + int(torch.randint(width // 2 - wide + 1, (1,), generator=stream))
        regions[side ^ swapped, top : top + tall, left : left + wide] = True
    return regions
