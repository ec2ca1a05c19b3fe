"""Patches whose part in a decision is known, for the network was asked to make them so.

Sources: Khakzar et al., *Do Explanations Explain? Model Knows Best*, CVPR 2022; Lymperopoulos 2023, section 4.2.3. On a
background of noise x lie two patches, m and n. Pixels of m are optimised to raise the logit of class a, those of n to
raise class b and to change nothing for a, alone or beside m: n is then no player in a's decision, though the network
sees something in it. Lymperopoulos prints "min f" in Eqs. 29 and 30 where f is to grow: its f is a loss. Four liberties
are taken: both patches are optimised at once, for the sum of both losses; each raises its class alone, so that the rise
is its own; the constraints' squares have a weight; the steps become smaller. Single and Double have no score in the
thesis, only maps that differ between classes: so the maps of both are judged.

Patches are adversarial, and constraints hold for hiding a patch as a whole, in the logit: a gradient, or a probability,
may answer to n all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.classifier.adam import Adam
from unseen.classifier.differentiation import differentiated
from unseen.errors import NotApplicableError
from unseen.inputs.space import check_axes
from unseen.metrics.case import Case
from unseen.removal import MaskedClassifier
from unseen.system.options import Count, Meaning, Options, Share

Scenario = Literal["null", "single", "double"]

SIDE = 0.35
"""Of a patch, as a share of the image's sides."""

LEAST = 0.25
"""Share of the rise by m; a patch n that raises its class by less is nothing to the network, and so tells nothing."""


@dataclass(frozen=True, eq=False)
class Composite:
    """A background with patches of known effect.

    Attributes:
        image: background with both patches (``single``: with m only), in [0, 1], shape ``(C, *space)``.
        regions: the pixels of m and n, bool of shape ``(2, *space)``; under ``single`` nothing was done to those of n.
        classes: a and b.
        raised: by how much m alone raises a's logit over the background, and n alone b's (not under ``single``).
        residuals: by name, how far each constraint is from holding, in logits.
    """

    image: Tensor
    regions: Tensor
    classes: tuple[int, int]
    raised: tuple[float, ...]
    residuals: dict[str, float]

    @property
    def residual(self) -> float:
        """The largest one over the smallest rise: 0 is perfect, at 1 n matters as much as m; inf if nothing rose."""
        lowest = min(self.raised)
        return max(self.residuals.values()) / lowest if lowest > 0 else float("inf")


def optimised_features(
    masked: MaskedClassifier,
    first: int,
    second: int | None = None,
    scenario: Scenario = "null",
    *,
    seed: int = 0,
    steps: int = 40,
    rate: float = 0.1,
    weight: float = 1.0,
) -> Composite:
    """Optimise the patches.

    Args:
        masked: whose classifier and batches are used; its photograph gives the size only.
        first: class a, raised by m.
        second: class b; ``None`` draws one.
        scenario: ``null``, n raises b and changes nothing for a; ``double``, nor does m change anything for b;
            ``single``, the same without n.
        seed: with class a, of the background, of where the patches lie, and of b.
        steps: of Adam, each of three images with a gradient; under ``single`` of one.
        rate: Adam's at the first step, in pixel values; it falls linearly.
        weight: of the constraints' squares.

    Raises:
        NotApplicableError: the network cannot be differentiated, or sees no images.
    """
    stream = torch.Generator().manual_seed(int(np.random.SeedSequence(seed, spawn_key=(first,)).generate_state(1)[0]))
    background = torch.rand(masked.image.shape, generator=stream, dtype=torch.float32)
    check_axes("optimised features", (2,), masked.shape, "judge by 'deletion' or another metric that needs no patches")
    height, width = masked.shape
    m, n = regions = _regions((height, width), stream)
    (x,) = _logits(masked, background[None])
    drawn = int(torch.randint(len(x) - 1, (1,), generator=stream))
    a, b = first, drawn + (drawn >= first) if second is None else second
    shown = m[None] if scenario == "single" else torch.stack([m, n, m | n])

    def constraints(logits: Tensor) -> dict[str, Tensor]:
        if scenario == "single":
            return {"m alone on b": logits[0, b] - x[b]}
        x_m, x_n, x_mn = logits
        on_a = {"n alone on a": x_n[a] - x[a], "n beside m on a": x_mn[a] - x_m[a]}
        on_b = {"m alone on b": x_m[b] - x[b], "m beside n on b": x_mn[b] - x_n[b]}
        return on_a if scenario == "null" else on_a | on_b

    def rises(logits: Tensor) -> list[Tensor]:
        return [logits[0, a] - x[a], *([] if scenario == "single" else [logits[1, b] - x[b]])]

    def loss(logits: Tensor) -> Tensor:
        return weight * torch.stack(list(constraints(logits).values())).square().sum() - sum(rises(logits))

    logits = _logits(masked, images := _optimised(masked, background, x, shown, loss, steps, rate))
    residuals = {name: float(difference.abs()) for name, difference in constraints(logits).items()}
    return Composite(images[-1], regions, (a, b), tuple(map(float, rises(logits))), residuals)


def share_on(saliency: Float[Tensor, "*space"], composite: Composite, patch: int) -> float:
    """Of the positive saliency on both patches, the share that lies on one; NaN where there is none on either."""
    inside = (saliency.double().clamp(min=0).cpu() * composite.regions).sum((1, 2))
    return float(inside[patch] / inside.sum())


@dataclass(frozen=True)
class OptimisedFeatures(Options):
    """What a method says of patches whose part in the decision is known; the case's photograph is not looked at.

    The explained class is a. The set-up is made once for each classifier, class and seed, and kept. ``null`` is the
    share of the positive saliency on both patches that lies on m; ``double`` the mean of that for a, and of n's share
    for b; ``single`` the same with noise in place of n, for m is a's alone. A map that is the same for all classes has
    ½ in the last two.

    Raises:
        ParameterError: a parameter outside its range.

    Example:
        >>> from dataclasses import replace
        >>> from unseen.metrics.optimised_features import OptimisedFeatures
        >>> flat = replace(case, explainer=lambda classifier, image, target: torch.ones(32, 32))
        >>> round(OptimisedFeatures("null", steps=5)(flat), 3)  # half on each of the two patches
        0.5
    """

    scenario: Annotated[Scenario, Meaning("which patches are made")] = "null"
    steps: Annotated[int, Count("how many steps Adam takes for a patch", high=100)] = 40
    tolerance: Annotated[
        float, Share("the largest residual of the constraints, as a share of what the patches raise", ends="()")
    ] = 0.2
    _made: dict[tuple[object, ...], Composite] = field(default_factory=dict, init=False, compare=False, repr=False)

    def __call__(self, case: Case) -> float:
        """In [0, 1]; ½ is what a constant map has; NaN where nothing on either patch is positive.

        Raises:
            NotApplicableError: there is no method; see :meth:`composite`.
        """
        if case.explainer is None:
            case.explained(case.image)  # refuses, before anything is optimised
        shares = [share_on(case.explained((made := self.composite(case)).image), made, 0)]
        if self.scenario != "null":
            shares.append(share_on(case.explained(made.image, target=made.classes[1]), made, 1))
        return sum(shares) / len(shares)

    def composite(self, case: Case) -> Composite:
        """The set-up for a case's classifier, class and seed.

        Raises:
            NotApplicableError: the network cannot be differentiated, n raises too little, or constraints do not hold.
        """
        key = case.classifier.fingerprint, case.classifier.preprocessing, case.masked.shape, case.target, case.seed
        if key not in self._made:
            self._made[key] = optimised_features(
                case.masked, case.target, scenario=self.scenario, seed=case.seed, steps=self.steps
            )
        made = self._made[key]
        if self.scenario != "single" and not made.raised[1] >= LEAST * made.raised[0]:
            raise NotApplicableError(
                f"the second patch raises its class by {made.raised[1]:.2f} logits, less than {LEAST} of the first's "
                f"{made.raised[0]:.2f}: to the network it is nothing; try more steps or another seed"
            )
        if not made.residual <= self.tolerance:
            raise NotApplicableError(
                f"patches with a known part in the decision were not found: the residual of the constraints is "
                f"{made.residual:.2f} of what the patches raise, above {self.tolerance}; try more steps or another seed"
            )
        return made


def _optimised(
    masked: MaskedClassifier,
    background: Float[Tensor, "C *space"],
    logits: Float[Tensor, " K"],
    shown: Bool[Tensor, "N *space"],
    loss: Callable[[Tensor], Tensor],
    steps: int,
    rate: float,
) -> Float[Tensor, "N C *space"]:
    """The background, whose logits are given, with those pixels that each image shows optimised for one loss of all.

    Images that the loss ties together may come in different batches, so its slopes are those at the step before.
    """
    classifier = masked.classifier.unfixed()
    patch = background.clone()
    adam = Adam(patch)
    values = logits.expand(len(shown), -1)

    def evaluate(start: int, stop: int) -> tuple[Tensor, Tensor]:
        visible = shown[start:stop, None]
        with classifier.frozen(), torch.enable_grad():
            images = torch.where(visible, patch, background).to(classifier.device).requires_grad_()
            found = classifier.forward(images)
            if not found.requires_grad:
                raise NotApplicableError(f"{classifier.name} has no gradients, by which patches could be optimised")
            (gradients,) = differentiated(classifier, (found * slopes[start:stop].to(found)).sum(), [images])
        return (gradients.float().cpu() * visible).sum(0), found.detach().float().cpu()

    for step in range(steps):
        with torch.enable_grad():
            before = values.clone().requires_grad_()
            (slopes,) = torch.autograd.grad(loss(before), before)
        sums, answers = zip(*masked.in_batches(len(shown), evaluate), strict=True)
        values = torch.cat(answers)
        patch.sub_(adam(torch.stack(sums).sum(0), rate * (1 - step / steps))).clamp_(0, 1)
    return torch.where(shown[:, None], patch, background)


def _logits(masked: MaskedClassifier, images: Float[Tensor, "N C *space"]) -> Float[Tensor, "N K"]:
    classifier = masked.classifier.unfixed()
    return torch.cat(list(masked.in_batches(len(images), lambda first, last: classifier.logits(images[first:last]))))


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
