"""ZIPO: what must change in a photograph until the classifier can make nothing of it.

Source: Lymperopoulos, *A Study of Explainable AI: The Concept of Zero Information*, 2023, chapter 8, Algorithm 1, whose
sign is corrected; see :mod:`unseen.removal.zero_information.point`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

import torch
from jaxtyping import Bool
from torch import Tensor

from unseen.errors import ParameterError
from unseen.explainers.gradients.derivatives import Channels, over_channels
from unseen.explainers.gradients.gradient import FromGradients
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explanation import Findings
from unseen.removal.zero_information.point import ZeroPoints, check_point, information, plain_baselines, zero_points

Information = Literal["all", "class"]


@dataclass(frozen=True)
class ZeroPoint(FromGradients):
    """The photograph minus its zero-information point, x − x′.

    How much of it is of the object and how much is a texture that fools the network is not known: a change of one or
    two grey levels does. ``smooth`` asks for changes that can be seen. The record has the point's own values beside
    those of the plain baselines, which may say less still.

    Args:
        information: that goes: ``all`` (the map is then the same for every class), or that of the ``class`` only.
        smooth: see :func:`~unseen.removal.zero_information.point.zero_points`, as are the next.
        step: as there.
        excess: as there.
        drift: as there.
        most: as there.
        channels: see :class:`FromGradients`, as are the next; the sign of a change of pixels says nothing of for and
            against, so that the default is ``max-abs``.
        blur: as there.
        block: as there.
        steps: as there.

    Raises:
        ParameterError: a parameter outside its range.
    """

    information: Information = "all"
    smooth: float = 0.0
    step: float = 0.0025
    excess: float = 0.003
    drift: float = 0.3
    most: int = 200
    channels: Channels = field(default="max-abs", kw_only=True)
    score: Literal["probability"] = field(default="probability", init=False)
    stage = "descending"
    empty = "the map of {label} is empty: the photograph is a zero-information point itself"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.information not in get_args(Information):
            raise ParameterError(f"information {self.information!r} must be 'all' or 'class'")
        check_point(self.smooth, self.step, self.excess, self.drift, self.most)

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "H W"] | None) -> Findings:
        """See :func:`~unseen.removal.zero_information.point.zero_points`."""
        del domain
        masked = evaluate.masked
        targets = torch.tensor([evaluate.target]) if self.information == "class" else None

        def search(first: int, last: int) -> ZeroPoints:
            del first, last
            return zero_points(
                masked.classifier,
                masked.pixels,
                targets=targets,
                smooth=self.smooth,
                step=self.step,
                excess=self.excess,
                drift=self.drift,
                most=self.most,
            )

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

    def cost(self, shape: tuple[int, int]) -> int:
        """See :meth:`FromMap.cost`."""
        del shape
        return min(self.most, 20) + 6
