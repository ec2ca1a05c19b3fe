"""Maps that know nothing of the model: what a metric must be able to tell from an explanation.

Source: Adebayo et al., *Sanity Checks for Saliency Maps*, NeurIPS 2018, Figure 1 (edge detector); random and uniform
maps are customary.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explainers.sufficient.search import FromMap
from unseen.explanation import Findings
from unseen.inputs.streams import stream_of


@dataclass(frozen=True, kw_only=True)
class Control(FromMap):
    """A map made from the photograph alone."""

    stage: ClassVar[str] = "drawing"
    empty: ClassVar[str] = "the map is empty: the photograph has no edges"
    inside = False
    uses_removal: ClassVar[bool] = False

    def cost(self, shape: tuple[int, ...]) -> int:
        """None."""
        del shape
        return 0

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "*space"] | None) -> Findings:
        """See :meth:`FromMap.attribute`."""
        del domain
        return Findings(self.drawn(evaluate.masked.image, seed).float())

    @abstractmethod
    def drawn(self, image: Float[Tensor, "C *space"], seed: int) -> Float[Tensor, "*space"]:
        """The map of a photograph."""


@dataclass(frozen=True, kw_only=True)
class RandomMap(Control):
    """Independent uniform noise in [0, 1); the stream belongs to the photograph, so that another has another map.

    Example:
        >>> from unseen.explainers import map_of
        >>> from unseen.explainers.controls.maps import RandomMap
        >>> map_of(RandomMap(), masked, target=0, seed=1).shape
        torch.Size([32, 32])
    """

    def drawn(self, image: Float[Tensor, "C *space"], seed: int) -> Float[Tensor, "*space"]:
        """See :meth:`Control.drawn`."""
        return torch.rand(image.shape[1:], generator=stream_of(image, seed), dtype=torch.float32)


@dataclass(frozen=True, kw_only=True)
class UniformMap(Control):
    """One everywhere; what ranks it breaks the ties at random.

    Example:
        >>> from unseen.explainers import map_of
        >>> from unseen.explainers.controls.maps import UniformMap
        >>> map_of(UniformMap(), masked, target=0).unique()
        tensor([1.])
    """

    def drawn(self, image: Float[Tensor, "C *space"], seed: int) -> Float[Tensor, "*space"]:
        """See :meth:`Control.drawn`."""
        del seed
        return torch.ones(image.shape[1:], dtype=torch.float32)


@dataclass(frozen=True, kw_only=True)
class Edges(Control):
    """The magnitude of the Sobel gradient of the photograph's luminance.

    Example:
        >>> from unseen.explainers import map_of
        >>> from unseen.explainers.controls.maps import Edges
        >>> map_of(Edges(), masked, target=0)[10:14, 10:14].max() < 1e-6  # none inside the square
        tensor(True)
    """

    def drawn(self, image: Float[Tensor, "C *space"], seed: int) -> Float[Tensor, "*space"]:
        """See :meth:`Control.drawn`."""
        from skimage import color, filters

        del seed
        bands = image.double().cpu().numpy()
        grey = color.rgb2gray(bands, channel_axis=0) if len(bands) == 3 else bands.mean(0)
        return torch.from_numpy(filters.sobel(grey))  # type: ignore[no-untyped-call]


@dataclass(frozen=True, kw_only=True, eq=False)
class AnnotationMap(Control):
    """One on the object that a person drew, zero elsewhere; it has no name, for it needs the drawing.

    Args:
        annotation: the object's pixels, bool of shape ``space``.
    """

    annotation: Tensor

    def drawn(self, image: Float[Tensor, "C *space"], seed: int) -> Float[Tensor, "*space"]:
        """See :meth:`Control.drawn`."""
        del image, seed
        return self.annotation.float()
