"""Baselines by name: what a photograph is compared with, a colour or a point without information."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from unseen.classifier import Classifier
from unseen.removal.fills.constant import Colour, fill_colour
from unseen.removal.zero_information.point import Descending, zero_points
from unseen.system.options import Meaning

Baseline = Annotated[
    Literal[Colour, "zipo", "zipo-class"],
    Meaning("what the photograph is compared with: a colour, or a point without information (of the class alone)"),
]


def baseline_of(name: Baseline, classifier: Classifier, image: Float[Tensor, "C *space"], target: int) -> Tensor:
    """The baseline of a photograph, shape ``(C, *space)``, on its device.

    ``zipo`` is its zero-information point and ``zipo-class`` the one of the class ``target``
    (:func:`~unseen.removal.zero_information.point.zero_points` with its defaults); they take as many passes with a
    gradient as they take steps, which are not counted.

    Raises:
        NotApplicableError: a point is wanted, and the network cannot be differentiated.
    """
    if name == "zipo" or name == "zipo-class":
        targets = torch.tensor([target]) if name == "zipo-class" else None
        return zero_points(classifier, image[None], Descending(), targets=targets).points[0].to(image)
    return fill_colour(name, classifier, image[None])[0].expand_as(image)
