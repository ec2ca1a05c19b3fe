"""What an evaluation judged, as small pictures: the map over the photograph, and the border of a part."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool
from torch import Tensor
from torch.nn import functional as F

from unseen.errors import OutputError
from unseen.evaluation.judging.gallery import Judged
from unseen.evaluation.judging.report.tables import labelled
from unseen.explanation.html import encoding
from unseen.explanation.plotting import pixels
from unseen.explanation.plotting.pixels import Pixels
from unseen.system.schema import MalformedError


def pictured(one: Judged, gamma: float | None = None) -> str | None:
    """The map over the photograph, with the border of the part for a γ, as an address; ``None`` if none was kept.

    Raises:
        OutputError: what was kept is damaged.
    """
    if one.thumbnail is None:
        return None
    try:
        image, saliency = one.thumbnail.image, one.thumbnail.saliency
    except MalformedError as error:
        name = alternative(one)
        raise OutputError(f"the picture of {name} is damaged ({error}); evaluate again into another folder") from None
    size = (int(image.shape[1]), int(image.shape[2]))
    low = -1.0 if bool((saliency < 0).any()) else 0.0
    shown = F.interpolate(saliency[None, None], size, mode="bilinear", antialias=True)[0, 0]
    drawn = pixels.overlay(image, shown, (low, 1.0))
    part = None if gamma is None else one.parts.get(gamma)
    return encoding.photograph(drawn if part is None else _bordered(drawn, part))


def alternative(one: Judged) -> str:
    """What is read in the picture's place."""
    return f"{one.photo}: {one.label}; {labelled(one.method)}, hidden by {one.removal}"


def values_of(one: Judged, gamma: float | None = None) -> list[tuple[str, str]]:
    """Every metric of the map, and of the part for a γ, with its value as text."""
    return [
        (metric, "–" if value is None else f"{value:.4g}")
        for metric, confidence, value in one.values
        if confidence is None or confidence == gamma
    ]


def _bordered(drawn: Pixels, part: Bool[Tensor, "H W"]) -> Pixels:
    """A white line along the inside of a part's border, and a black one along its outside."""
    height, width = drawn.shape[:2]
    mask = F.interpolate(part[None, None].float(), (height, width), mode="area")[0, 0] >= 0.5
    grown, shrunk = (F.max_pool2d(sign * mask[None].float(), 3, 1, 1)[0] for sign in (1, -1))
    inside, outside = mask & (shrunk == 0), ~mask & (grown == 1)
    lined = np.array(drawn)
    lined[inside.numpy()], lined[outside.numpy()] = 1.0, 0.0
    return lined
