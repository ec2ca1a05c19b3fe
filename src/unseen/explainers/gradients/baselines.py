"""Baselines by name: what a photograph is compared with, a colour, a point without information, or many photographs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from unseen.classifier import Classifier
from unseen.explainers.gradients.derivatives import column, stream
from unseen.inputs.contents import contents_digest
from unseen.inputs.finding import find_photos
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


Photos = Annotated[
    str | None,
    Meaning("a folder whose photographs are the baselines; without one they are solid random colours"),
]


def backgrounds(
    photos: Photos, classifier: Classifier, image: Float[Tensor, "C *space"], most: int, seed: int
) -> Callable[[int], Float[Tensor, "C *space"]]:
    """Many baselines of a photograph, by their number.

    Args:
        photos: a folder, whose photographs are taken in turn, or ``None`` for solid random colours.
        classifier: which prepares them.
        image: the photograph.
        most: how many photographs of the folder are used.
        seed: of the colours.

    Raises:
        PhotoError: no photographs in the folder.
    """
    if photos is None:

        def colour(number: int) -> Tensor:
            drawn = torch.rand(len(image), generator=stream(seed, number + 1), dtype=torch.float32)
            return column(drawn, image[0]).expand_as(image)

        return colour
    prepared = [classifier.prepare(path) for path in find_photos([photos])[:most]]
    return lambda number: prepared[number % len(prepared)]


def digest_of(photos: Photos, most: int) -> str:
    """A digest of the photographs of :func:`backgrounds`; empty without a folder."""
    return "" if photos is None else contents_digest(find_photos([photos])[:most])
