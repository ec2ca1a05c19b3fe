"""An explanation's map with its sliders, as a block of a page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unseen.classifier.outputs.readings import percent
from unseen.explanation import wording
from unseen.explanation.findings import Part
from unseen.explanation.html import encoding
from unseen.explanation.html.blocks import Map, Outline
from unseen.explanation.plotting import pixels
from unseen.explanation.plotting.columns import reading_of
from unseen.explanation.plotting.drawn import Drawn
from unseen.explanation.plotting.flat import Flat, flat
from unseen.explanation.plotting.sparse import widened
from unseen.explanation.ranking import rank
from unseen.inputs.space import UNITS

_WITHOUT_CURVE = tuple(np.linspace(0, 1, 51).round(4).tolist())
"""Shares of the walk where the model was not asked."""


def map_of(explanation: Drawn, title: str, centre: Sequence[int] | None = None) -> Map:
    """The map with its parts, and what the model says along its ranking.

    Args:
        explanation: of an input of any number of axes.
        title: what the map is called.
        centre: see :func:`unseen.explanation.plotting.flat.flat`.
    """
    drawn = flat(explanation, centre)
    height, width = (int(side) for side in drawn.saliency.shape)
    curve, unit = explanation.curve, explanation.unit
    fractions = curve.fractions if curve else _WITHOUT_CURVE
    shown, hidden = ([percent(value) for value in values] for values in _readings(explanation))
    walked = explanation.saliency.ndim == 2
    bands = pixels.bands_of(explanation.provenance)
    return Map(
        title=title,
        words=[*_recorded(explanation), *([drawn.caption] if isinstance(drawn, Flat) else [])],
        photo=encoding.photograph(pixels.photograph(drawn.image, bands)),
        colours=encoding.colours(drawn.saliency),
        steps=encoding.steps(order_of(explanation), (height, width), fractions) if walked else "",
        size=(height, width),
        key=_key(drawn),
        label=explanation.label if unit is None else f"{explanation.label} (how far the decision is kept)",
        fractions=fractions,
        shown=shown,
        hidden=hidden,
        parts=[_outline(part, explanation) for part in drawn.parts],
        heights=list(zip(curve.insertion, curve.deletion, strict=True)) if curve else (),
        units=UNITS[explanation.saliency.ndim],
    )


def _recorded(explanation: Drawn) -> list[str]:
    """What the method recorded of its map, in a line; a record of the method, for whoever knows it."""
    found = "; ".join(explanation.evidence)
    return [f"{explanation.method} recorded: {found}"] if found else []


def _readings(explanation: Drawn) -> tuple[Sequence[float], Sequence[float]]:
    """What the model said along the ranking, of the first pixels alone and without them."""
    curve = explanation.curve
    return (curve.insertion, curve.deletion) if curve else ((), ())


def order_of(explanation: Drawn) -> NDArray[np.int64]:
    """The pixels in the order in which the method showed and hid them."""
    about = explanation.provenance
    blur = float(about.get("method", {}).get("blur") or 0) * min(explanation.saliency.shape)
    seed = int(about.get("request", {}).get("seed", 0))
    return rank(explanation.saliency, blur=blur, seed=seed).order.numpy()


def _key(drawn: Drawn) -> str:
    width = widened(drawn.saliency)[1]
    dots = f"; dots and thin lines, drawn {width} pixels wide" if width > 1 else ""
    return f"{reading_of(pixels.limits(drawn.saliency))}{dots}"


def _outline(part: Part, explanation: Drawn) -> Outline:
    words = wording.sentences(part, explanation.label, explanation.unit)
    units = UNITS[explanation.saliency.ndim]
    numbers = f"{percent(part.fraction)} of the {units}; {'' if part.verified else 'NOT '}verified"
    title = f"{wording.title(part)}, γ = {part.confidence_threshold:g}"
    return Outline(title, encoding.border(part.mask), [*words, numbers])
