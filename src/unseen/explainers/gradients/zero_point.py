"""ZIPO: what must change in a photograph until the classifier can make nothing of it.

Source: Lymperopoulos, *A Study of Explainable AI: The Concept of Zero Information*, 2023, chapter 8, Algorithm 1, whose
sign is corrected; see :mod:`unseen.removal.zero_information.point`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.explainers.gradients.derivatives import Channels, over_channels, stream
from unseen.explainers.gradients.gradient import FromGradients
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explanation import Findings
from unseen.removal.zero_information.point import Descending, ZeroPoints, information, plain_baselines, zero_points
from unseen.system.options import Count, Meaning

Information = Annotated[
    Literal["all", "class"],
    Meaning("what goes: all information (the map is then the same for every class), or that of the class alone"),
]


_NOISE = 0.05
"""Standard deviation of what is added to copies, in pixels of [0, 1]."""


@dataclass(frozen=True)
class ZeroPoint(FromGradients, Descending):
    """The photograph minus its zero-information point, x − x′, or the mean of that over noisy copies.

    How much of it is of the object and how much is a texture that fools the network is not known: a change of one or
    two grey levels does. ``smooth`` asks for changes that can be seen. The record has the point's own values beside
    those of the plain baselines, which may say less still.

    The sign of a change of pixels says nothing of for and against, so that the default of ``channels`` is ``max-abs``.

    Raises:
        ParameterError: an option outside its range.

    Example:
        >>> from unseen.explainers import map_of
        >>> from unseen.explainers.gradients.zero_point import ZeroPoint
        >>> map_of(ZeroPoint("class"), masked, target=0).shape
        torch.Size([32, 32])
    """

    information: Information = "all"
    copies: Annotated[
        int,
        Count(
            "how many noisy copies of the photograph are searched from, whose maps are averaged; 1 is the photograph "
            "itself"
        ),
    ] = field(default=1, kw_only=True)
    channels: Channels = field(default="max-abs", kw_only=True)
    score: Literal["probability"] = field(default="probability", init=False)
    stage = "descending"
    empty = "the map of {label} is empty: the photograph is a zero-information point itself"

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "*space"] | None) -> Findings:
        """See :func:`~unseen.removal.zero_information.point.zero_points`."""
        del domain
        masked = evaluate.masked
        images = self._shown(masked.image, seed).to(masked.pixels)

        def search(first: int, last: int) -> tuple[ZeroPoints, list[dict[str, Any]]]:
            targets = torch.full((last - first,), evaluate.target) if self.information == "class" else None
            made = zero_points(masked.classifier, images[first:last], self, targets=targets)
            return made, information(masked.classifier, made.points.to(masked.pixels))

        found, told = zip(*masked.in_batches(self.copies, search), strict=True)
        points = torch.cat([one.points for one in found]).cpu()
        steps = torch.cat([one.steps for one in found]).cpu()
        converged = all(bool(one.converged.all()) for one in found)
        changes = images.cpu() - points
        plain = plain_baselines(masked.classifier, masked.image, seed)
        masked.evaluations += int(steps.sum()) + len(points) + len(plain)  # those of the descent, and for the record
        record = {
            "steps": int(steps.sum()),
            "converged": converged,
            "rms_change": float(changes.square().mean().sqrt()),
            "loss": max(float(torch.where(one.converged, one.losses[-1], one.losses.amin(0)).max()) for one in found),
            "probability": max(float(one.maxima[-1].max()) for one in found),
            "point": max((one for some in told for one in some), key=lambda one: one["deficit"]),
            "baselines": dict(plain),
        }
        notes = () if converged else (
            f"no zero-information point was found in {int(steps.max())} steps; the best one still has "
            f"{record['loss']:.2g} nats",
        )  # fmt: skip
        saliency = torch.stack([over_channels(change, self.channels) for change in changes]).mean(0)
        return Findings(saliency, notes=notes, record=record)

    def _shown(self, image: Float[Tensor, "C *space"], seed: int) -> Float[Tensor, "N C *space"]:
        """The photograph, or noisy copies of it."""
        if self.copies == 1:
            return image[None]
        drawn = [
            torch.randn(image.shape, generator=stream(seed, number), dtype=torch.float32)
            for number in range(self.copies)
        ]
        return (image + _NOISE * torch.stack(drawn).to(image)).clamp(0, 1)

    def cost(self, shape: tuple[int, ...]) -> int:
        """See :meth:`FromMap.cost`."""
        del shape
        return self.copies * (self.most + 2) + 4
