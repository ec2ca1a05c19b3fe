"""Model parameter randomisation: does the map change when what the network has learnt is taken away?

Source: Adebayo et al., *Sanity Checks for Saliency Maps*, NeurIPS 2018, section 3 (cascading and independent
randomisation); Hedström et al., *Sanity Checks Revisited: An Exploration to Repair the Model Parameter Randomisation
Test*, 2024 (the order from the input upward, and why SSIM of noisy maps must not rank methods).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isnan
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from unseen.classifier import Classifier
from unseen.errors import ModelError, NotApplicableError
from unseen.metrics.case import Case
from unseen.metrics.redrawing import Redrawn
from unseen.metrics.similarity import Similarity, similar
from unseen.system.options import Count, Meaning, Options

LayerOrder = Literal["top-down", "bottom-up", "independent"]

_WITHOUT_FORM = "empty or the same everywhere"


@dataclass(frozen=True)
class Stage:
    """One point of the curve.

    Attributes:
        drawn: the layers that were drawn anew in this stage; in a cascade those of the stages before are new, too.
        similarity: of the map before and after; NaN where the network then has no finite answer, or its map no form
            (empty, or for a correlation the same everywhere), so that there is nothing to compare with.
    """

    drawn: tuple[str, ...]
    similarity: float


def randomisation_curve(
    explain: Callable[[Classifier], Tensor],
    saliency: Float[Tensor, "*space"],
    redrawn: Redrawn,
    *,
    order: LayerOrder = "top-down",
    layers: int | None = 8,
    similarity: Similarity = "spearman",
    absolute: bool = True,
) -> list[Stage]:
    """How like the trained network's map the map of a network with new layers is, stage by stage.

    Args:
        explain: a classifier → its map ``space`` of the photograph.
        saliency: the map of the trained network.
        redrawn: the copy whose layers are drawn anew; it is as it was afterwards.
        order: cascading ``top-down`` from the logits or ``bottom-up`` from the photograph, where new layers stay new;
            or ``independent``, one stage's layers at a time.
        layers: stages, of about the same number of layers; ``None``: one for each layer.
        similarity: see :mod:`unseen.metrics.similarity`.
        absolute: compare magnitudes.

    Raises:
        ModelError: the network has no finite answer in any stage.
    """
    blocks = redrawn.blocks(layers)
    stages: list[Stage] = []
    failures: list[ModelError] = []
    try:
        for block in blocks[::-1] if order == "top-down" else blocks:
            if order == "independent":
                redrawn.restore()
            redrawn.draw(block)
            try:
                after = explain(redrawn.classifier())
            except ModelError as error:
                failures.append(error)
                stages.append(Stage(block, float("nan")))
            else:
                stages.append(Stage(block, _alike(saliency, after, similarity, absolute)))
    finally:
        redrawn.restore()
    if stages and len(failures) == len(stages):
        raise ModelError(f"no randomised network can be explained; the last one: {failures[-1]}") from failures[-1]
    return stages


@dataclass(frozen=True)
class ParameterRandomisation(Options):
    """Mean similarity over the stages of :func:`randomisation_curve` that have one.

    A method that finds nothing in a random network is not thereby right about the trained one: a stage whose map is
    empty is left out, and so is one whose map is the same everywhere, unless by SSIM.

    Raises:
        ParameterError: a value outside its range.
        NotApplicableError: (when called) nobody can be asked for maps, the network has no layers to draw anew, or there
            is nothing to compare: the map has no form, or none that a randomised network gives has.
        ModelError: (when called) the network cannot be copied, or has no finite answer in any stage.

    Example:
        >>> from dataclasses import replace
        >>> from unseen.metrics.randomisation import ParameterRandomisation
        >>> blind = replace(case, saliency=photo[0], explainer=lambda classifier, image, target: image[0])
        >>> round(ParameterRandomisation()(blind), 3)  # the same map, whatever the network
        1.0
    """

    order: Annotated[LayerOrder, Meaning("in which order layers are drawn anew")] = "top-down"
    layers: Annotated[
        int | None, Count("in how many stages, in each of which the method is asked once; none is one for each layer")
    ] = 8
    similarity: Annotated[Similarity, Meaning("how maps are compared")] = "spearman"
    absolute: Annotated[bool, Meaning("whether magnitudes are compared, without regard to sign")] = True

    def curve(self, case: Case) -> list[Stage]:
        """The value's parts, from the first stage to the last."""
        return randomisation_curve(
            lambda classifier: case.explained(case.image, classifier),
            case.saliency,
            Redrawn(case.classifier, case.image, case.seed),
            order=self.order,
            layers=self.layers,
            similarity=self.similarity,
            absolute=self.absolute,
        )

    def __call__(self, case: Case) -> float:
        """The value."""
        if isnan(_alike(case.saliency, case.saliency, self.similarity, self.absolute)):
            raise NotApplicableError(f"the map is {_WITHOUT_FORM}: there is nothing that randomisation could change")
        found = torch.tensor([stage.similarity for stage in self.curve(case)], dtype=torch.float64)
        if bool(found.isnan().all()):
            raise NotApplicableError(
                f"every map that a randomised network gives is {_WITHOUT_FORM}: there is nothing to compare with"
            )
        return float(found.nanmean())


def _alike(saliency: Tensor, after: Tensor, similarity: Similarity, absolute: bool) -> float:
    """NaN where one of the maps has no form."""
    if not bool(after.isfinite().all() and after.any() and saliency.any()):
        return float("nan")
    return float(similar(saliency[None], after.to(saliency)[None], similarity, absolute=absolute))
