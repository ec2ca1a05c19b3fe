"""ZIPO: what must change in a photograph until the classifier can make nothing of it.

Source: Lymperopoulos, *A Study of Explainable AI: The Concept of Zero Information*, 2023, chapter 8, Algorithm 1, whose
sign is corrected; see :mod:`unseen.removal.zero_information.point`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

import torch
from jaxtyping import Bool
from torch import Tensor

from unseen.explainers.gradients.derivatives import Channels, over_channels
from unseen.explainers.gradients.gradient import FromGradients
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explanation import Findings
from unseen.removal.zero_information.point import Descending, ZeroPoints, information, plain_baselines, zero_points
from unseen.system.options import Meaning

Information = Annotated[
    Literal["all", "class"],
    Meaning("what goes: all information (the map is then the same for every class), or that of the class alone"),
]


@dataclass(frozen=True)
class ZeroPoint(FromGradients, Descending):
    """The photograph minus its zero-information point, x − x′.

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
    channels: Channels = field(default="max-abs", kw_only=True)
    score: Literal["probability"] = field(default="probability", init=False)
    stage = "descending"
    empty = "the map of {label} is empty: the photograph is a zero-information point itself"

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "*space"] | None) -> Findings:
        """See :func:`~unseen.removal.zero_information.point.zero_points`."""
        del domain
        masked = evaluate.masked
        targets = torch.tensor([evaluate.target]) if self.information == "class" else None

        def search(first: int, last: int) -> ZeroPoints:
            del first, last
            return zero_points(masked.classifier, masked.pixels, self, targets=targets)

        (found,) = masked.in_batches(1, search)
        steps = int(found.steps[0])
        point = found.points[0].to(masked.image)
        change = masked.image - point
        (at,) = information(masked.classifier, point[None])
        plain = plain_baselines(masked.classifier, masked.image, seed)
        masked.evaluations += steps + 1 + len(plain)  # one pass more for each step, and those for the record
        record = {
            "steps": steps,
            "converged": bool(found.converged[0]),
            "rms_change": float(change.square().mean().sqrt()),
            "loss": float(found.losses[:, 0].amin() if not found.converged[0] else found.losses[-1, 0]),
            "probability": float(found.maxima[-1, 0]),
            "point": at,
            "baselines": dict(plain),
        }
        notes = () if found.converged[0] else (
            f"no zero-information point was found in {steps} steps; the best one still has {record['loss']:.2g} nats",
        )  # fmt: skip
        return Findings(over_channels(change, self.channels), notes=notes, record=record)

    def cost(self, shape: tuple[int, ...]) -> int:
        """See :meth:`FromMap.cost`."""
        del shape
        return self.most + 6
