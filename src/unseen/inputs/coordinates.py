"""Where samples and voxels lie: in seconds, in cm⁻¹, in millimetres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unseen.errors import PhotoError

_EVEN = 1e-3
"""By what share of a step samples may lie beside an even grid."""

Affine3 = tuple[tuple[float, float, float, float], ...]
"""Four rows: from voxel indices (d, h, w, 1) to (x, y, z, 1) in millimetres, x to the right, y to the front, z up."""


@dataclass(frozen=True)
class Axis:
    """Where the samples along one axis lie.

    Attributes:
        name: such as "time" or "wavenumber"; may be empty.
        unit: such as "s", "cm-1" or "mm"; may be empty.
        first: place of the first sample.
        step: from one to the next, negative where places descend.
        places: of all samples, where they are not evenly apart.

    Example:
        >>> from unseen.inputs.coordinates import Axis
        >>> Axis("time", "s", step=0.5).at([0, 3]).tolist(), Axis("time", "s").title
        ([0.0, 1.5], 'time (s)')
    """

    name: str = ""
    unit: str = ""
    first: float = 0.0
    step: float = 1.0
    places: tuple[float, ...] | None = None

    def at(self, index: Sequence[int] | NDArray[np.integer[Any]]) -> NDArray[np.float64]:
        """The places of samples, by their numbers."""
        numbers = np.asarray(index)
        if self.places is not None:
            return np.asarray(np.array(self.places)[numbers])
        return np.asarray(self.first + self.step * numbers.astype(np.float64))

    @property
    def title(self) -> str:
        """Name and unit, for a picture."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    @classmethod
    def through(cls, places: NDArray[Any], name: str, unit: str, where: str) -> Axis:
        """The axis on which samples lie at these places.

        Raises:
            PhotoError: they neither ascend nor descend.
        """
        values = np.asarray(places, dtype=np.float64)
        steps = np.diff(values)
        if not np.isfinite(values).all() or not ((steps > 0).all() or (steps < 0).all()):
            raise PhotoError(
                f"the first column of {where} neither ascends nor descends, and is no axis; leave it out, or sort the "
                "rows by it"
            )
        mean = float(steps.mean()) if len(steps) else 1.0
        even = values[0] + mean * np.arange(len(values))
        if np.abs(values - even).max() <= _EVEN * abs(mean):
            return cls(name, unit, float(values[0]), mean)
        return cls(name, unit, float(values[0]), mean, tuple(values.tolist()))


@dataclass(frozen=True)
class Coordinates:
    """Where the samples of a signal, or the voxels of a volume, lie.

    Attributes:
        axes: one for each axis of the input, or none.
        affine: of a volume, from its voxels to the scanner's space, if that is known.
    """

    axes: tuple[Axis, ...] = ()
    affine: Affine3 | None = None

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON; :meth:`of` reads it."""
        axes = [{name: value for name, value in asdict(axis).items() if value is not None} for axis in self.axes]
        return {"axes": axes, "affine": self.affine}

    @classmethod
    def of(cls, record: dict[str, Any]) -> Coordinates:
        """What :meth:`to_dict` wrote, also after it was JSON."""
        axes = [{**axis, "places": tuple(axis["places"]) if axis.get("places") else None} for axis in record["axes"]]
        affine = record["affine"]
        rows = None if affine is None else tuple((row[0], row[1], row[2], row[3]) for row in affine)
        return cls(tuple(Axis(**axis) for axis in axes), rows)
