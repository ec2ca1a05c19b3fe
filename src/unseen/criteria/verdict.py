"""What a criterion says of a method, and how a method is asked on a network with a known property."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from unseen.classifier import Classifier, Preprocessing
from unseen.classifier.scores import Score, target_score
from unseen.errors import ModelError, NotApplicableError, one_line
from unseen.explainers.method import Method
from unseen.explainers.sufficient.search import map_of
from unseen.removal import Removal

Status = Literal["holds", "fails", "not applicable"]

TOLERANCE = 0.02
"""Relative difference of two maps above which they differ: what methods that stop at a tolerance of 1 % cannot mend."""

NOTHING = 1e-10
"""Maps whose values are all below this are empty."""

SEEDS = 8
"""Maps of a method that draws at random, where what is judged is their mean."""

ERRORS = 6
"""Standard errors of that mean that are put down to chance: with eight maps, one time in 2,000."""


@dataclass(frozen=True, eq=False)
class Verdict:
    """What a criterion says of a method.

    Attributes:
        status: ``holds`` on all networks that were tried, ``fails`` on one of them, or ``not applicable`` on any.
        reason: the witness, in a sentence.
        numbers: what was measured.
        maps: the maps that were compared, where they are the witness.

    Example:
        >>> from unseen.criteria import Verdict
        >>> Verdict("fails", "a feature that is not there is given 0.5", {"given": 0.5}).status
        'fails'
    """

    status: Status
    reason: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    maps: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Scene:
    """A network, a photograph and the class to explain.

    Args:
        model: in float64, without normalisation: it takes pixels as they are.
        image: in [0, 1], float64 of shape (3, H, W).
        target: class index.
    """

    model: nn.Module
    image: Tensor
    target: int = 0

    @property
    def classifier(self) -> Classifier:
        """The network with an identity in place of a normalisation."""
        height, width = self.image.shape[1:]
        return Classifier(self.model, Preprocessing((height, width), None, mean=(0, 0, 0), std=(1, 1, 1)))


@dataclass(frozen=True)
class Asked:
    """A method with the removal and the seed with which it is asked.

    Args:
        method: whose maps are judged.
        removal: how it hides, if it does.
        seed: random seed.

    Example:
        >>> from unseen.criteria import Asked
        >>> from unseen.explainers.gradients.gradient import Saliency
        >>> Asked(Saliency(), ConstantFill("black")).explains
        'logit'
    """

    method: Method
    removal: Removal
    seed: int = 0

    def map(self, scene: Scene, further: int = 0) -> Float[Tensor, "H W"]:
        """The method's map, float64; ``further`` is added to the seed.

        Raises:
            NotApplicableError: the method refuses the network.
        """
        masked = self.removal.bind(scene.classifier, scene.image)
        return map_of(self.method, masked, scene.target, self.seed + further).double()

    @torch.no_grad()
    def scores(self, scene: Scene, images: Float[Tensor, "N 3 H W"]) -> Float[Tensor, " N"]:
        """What the method explains, of several images: the logit, or the probability if it says so."""
        logits = scene.classifier.forward(images)
        return target_score(scene.classifier.outputs, logits, scene.target, self.explains)

    @property
    def explains(self) -> Score:
        """The score that the method explains."""
        return self.method.score

    def mean(self, scene: Scene, measure: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        """What is measured on maps: its mean over seeds and its standard error, 0 if the seed does not matter."""
        first, second = self.map(scene), self.map(scene, 1)
        if torch.equal(first, second):
            return measure(first), torch.zeros_like(measure(first))
        maps = [first, second, *(self.map(scene, further) for further in range(2, SEEDS))]
        values = torch.stack([measure(one) for one in maps])
        return values.mean(0), values.std(0) / SEEDS**0.5


@dataclass(frozen=True, eq=False)
class Trial:
    """What was found on one network.

    Args:
        holds: whether the criterion holds there.
        told: what was found, in a sentence.
        numbers: see :class:`Verdict`, as is the next.
        maps: as there.
    """

    holds: bool
    told: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    maps: Mapping[str, Tensor] = field(default_factory=dict)


def judged(trials: Sequence[Callable[[], Trial]], throughout: str = "") -> Verdict:
    """The verdict of several trials: the first that fails is the witness.

    Networks that the method refuses, or on which it ends in an error of the model, do not count.

    Args:
        trials: one a network.
        throughout: what is told if the criterion holds on all, in place of what each found.
    """
    found: list[Trial] = []
    refused: list[str] = []
    for trial in trials:
        try:
            found.append(trial())
        except (NotApplicableError, ModelError) as error:
            refused.append(one_line(error))
            continue
        if not found[-1].holds:
            return Verdict("fails", found[-1].told, found[-1].numbers, found[-1].maps)
    if not found:
        return Verdict("not applicable", refused[0])
    aside = f" ({len(refused)} of {len(trials)} networks left out: {refused[0]})" if refused else ""
    told = throughout or "; ".join(dict.fromkeys(one.told for one in found))
    return Verdict("holds", told + aside, found[-1].numbers, found[-1].maps)


def apart(one: Float[Tensor, "H W"], other: Float[Tensor, "H W"]) -> float:
    """The sum of absolute differences, as a share of the larger map's sum of absolute values: 0 to 2.

    Raises:
        NotApplicableError: both maps are empty, so that there is nothing to compare.
    """
    if max(float(one.abs().max()), float(other.abs().max())) < NOTHING:
        raise NotApplicableError("its maps are empty on this network")
    return float((one - other).abs().sum() / max(one.abs().sum(), other.abs().sum()))


def same(told: str, one: Tensor, other: Tensor, tolerance: float = TOLERANCE) -> Trial:
    """Two maps that must be equal.

    Args:
        told: what was done between them, as in "after batch norms were folded".
        one: a map.
        other: another.
        tolerance: of their relative difference.
    """
    difference = apart(one, other)
    holds = difference <= tolerance
    text = f"{told} the map {'is the same' if holds else f'differs by {difference:.2g} of itself'}"
    return Trial(holds, text, {"difference": difference}, {"before": one, "after": other})
