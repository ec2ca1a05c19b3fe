"""A box of a signal or a volume, on its samples or voxels: by their numbers, or in the unit of its file."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool
from numpy.typing import NDArray
from torch import Tensor

from unseen.errors import ParameterError
from unseen.inputs.coordinates import Coordinates
from unseen.inputs.shapes import Shape
from unseen.inputs.space import CALLED, UNITS, Space, extent

Places = Sequence[NDArray[np.float64]]

_ROUNDING = 1e-6
"""By what share of a step a sample may lie before a border that is meant to be at its place."""

_SUPERSCRIPT = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def box_on(shape: Shape, space: Space, known: Coordinates | None) -> tuple[Bool[Tensor, "*space"], tuple[str, ...]]:
    """What lies in a box or an ellipsoid, and a sentence where it reaches beyond the input.

    In a unit, a sample is at its place on the axis of its file: from the start on, and before start plus length. Along
    each axis of a volume the first voxel is at 0.

    Args:
        shape: with as many axes as the input.
        space: lengths of the input's axes.
        known: where its samples lie, if its file says so.

    Raises:
        ParameterError: it covers nothing, or is in a unit that is not that of the file.
    """
    places = _places(shape, space, known) if shape.unit else None
    mask = shape.mask(space, places and [at + _ROUNDING * _step(at) for at in places])
    kind, has = CALLED[len(space)], _extent(space, places, shape.unit)
    if not bool(mask.any()):
        raise ParameterError(
            f"{shape.name} covers no {UNITS[len(space)][:-1]} of the {kind}, which has {has}; all of it is "
            f"{_all(space, places, shape.unit)}"
        )
    beyond = any(
        start < low - slack or start + length > high + slack
        for (start, length), (low, high) in zip(shape.spans, _ends(space, places), strict=True)
        for slack in (_ROUNDING * (high - low),)
    )
    return mask, (f"{shape.name} reaches beyond the {kind}, which has {has}",) if beyond else ()


def _places(shape: Shape, space: Space, known: Coordinates | None) -> Places:
    """Where samples lie along each axis, in the unit that was asked for."""
    axes = known.axes if known else ()
    units = {axis.unit for axis in axes}
    if {_plain(unit) for unit in units} != {_plain(shape.unit)}:
        told = f"measures in {' and '.join(sorted(units))}" if units - {""} else "has no unit"
        other = f", or write {sorted(units)[0]}" if len(units - {""}) == 1 else ""
        raise ParameterError(
            f"{shape.name} is in {shape.unit!r}, and the {CALLED[len(space)]}'s file {told}; give "
            f"{UNITS[len(space)]}, as numbers without a unit{other}"
        )
    return [axis.at(range(length)) for axis, length in zip(axes, space, strict=True)]


def _plain(unit: str) -> str:
    """A unit as keyboards have it: ``cm-1`` of ``cm⁻¹`` and ``cm^-1``."""
    return unit.replace("^", "").translate(_SUPERSCRIPT)


def _ends(space: Space, places: Places | None) -> list[tuple[float, float]]:
    """From where to where the input goes along each axis; a step beyond the last sample."""
    if places is None:
        return [(0.0, float(length)) for length in space]
    return [(float(at.min()), float(at.max() + _step(at))) for at in places]


def _step(at: NDArray[np.float64]) -> float:
    """From the sample of the highest place to where the next would be; 1 where there is but one."""
    ascending = np.sort(at)
    return float(ascending[-1] - ascending[-2]) if len(at) > 1 else 1.0


def _extent(space: Space, places: Places | None, unit: str) -> str:
    if places is None:
        return extent(space)
    return f"{extent(space)} from {' × '.join(f'{at[0]:g} to {at[-1]:g} {unit}' for at in places)}"


def _all(space: Space, places: Places | None, unit: str) -> str:
    """The box that holds all."""
    ends = _ends(space, places)
    numbers = [*(low for low, _ in ends), *(high - low for low, high in ends)]
    return f"box:{','.join(f'{number:.9g}{unit}' for number in numbers)}"
