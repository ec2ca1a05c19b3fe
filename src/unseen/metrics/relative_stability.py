"""Relative stability: how far the map moves, measured by how far the network itself does.

Source: Agarwal et al., *Rethinking Stability for Attribution-based Explanations*, ICLR workshops 2022: equation 2 by
the input, equation 3 by an internal representation, here what the head receives, and equation 5 by the logits. A
neighbour counts if the network decides about it as about the photograph.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from unseen.inputs.neighbourhood import Radius, noisy
from unseen.metrics.case import Case
from unseen.removal.penultimate import photograph_features
from unseen.system.options import Count, Meaning, Options

_LEAST = 1e-6
"""Stands for a divisor of 0, as in the authors' code."""


def relative(one: Float[Tensor, " *D"], others: Float[Tensor, "N *D"]) -> Float[Tensor, " N"]:
    """‖(x − x′) / x‖ for each x′, element by element, float64; where x is 0 a millionth stands for it.

    Args:
        one: x.
        others: of the same kind.
    """
    x, changed = one.cpu().double().flatten(), others.cpu().double().flatten(1)
    found: Tensor = torch.linalg.vector_norm((x - changed) / torch.where(x == 0, _LEAST, x), dim=1)
    return found


@dataclass(frozen=True)
class RelativeStability(Options):
    """The largest relative change of the map over that of something else, in a neighbourhood of the photograph.

    ‖(φ(x) − φ(x′)) / φ(x)‖ over the same of the normalised input or of what the head receives, or over the absolute
    change of the logits, ‖h(x) − h(x′)‖; at least 0. NaN for a map of zeros, and where no neighbour keeps the decision.

    Raises:
        ParameterError: a value outside its range.
        NotApplicableError: (when called) nobody can be asked for maps; by ``representation`` of a network whose logits
            are no output of a linear layer.

    Example:
        >>> from dataclasses import replace
        >>> from unseen.metrics.relative_stability import RelativeStability
        >>> unmoved = replace(case, explainer=lambda classifier, image, target: square.float(), saliency=square.float())
        >>> RelativeStability("input", samples=3)(unmoved)
        0.0
    """

    by: Annotated[
        Literal["input", "representation", "output"],
        Meaning("what the change of the map is measured by: the input, what the head receives, or the logits"),
    ] = "input"
    samples: Annotated[int, Count("how many neighbours are drawn; the method is asked once for each")] = 10
    radius: Radius = 0.02

    def __call__(self, case: Case) -> float:
        """The value."""
        classifier, target = case.classifier, case.target
        images = torch.stack([case.image, *noisy(case.image, self.radius, self.samples, case.generator())])
        scores = classifier.logits(images)
        holds = classifier.outputs.holds(scores, target)
        kept = (holds == holds[0]).nonzero().flatten()[1:]
        if not len(kept) or not bool(case.saliency.any()):
            return float("nan")
        maps = torch.stack([case.explained(images[number]) for number in kept.tolist()])
        moved = relative(case.saliency, maps)
        by = self._by(case, images, scores)[kept]
        return float((moved / torch.where(by == 0, _LEAST, by)).max())

    def _by(self, case: Case, images: Tensor, scores: Tensor) -> Float[Tensor, " N"]:
        if self.by == "output":
            found: Tensor = torch.linalg.vector_norm((scores - scores[:1]).double(), dim=1)
            return found
        classifier = case.classifier
        fed = classifier.normalise(images) if self.by == "input" else photograph_features(classifier, images)
        return relative(fed[0], fed)
