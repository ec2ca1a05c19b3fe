"""A photograph as a network sees it, and what was done to it on the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor

from unseen.inputs.coordinates import Coordinates
from unseen.inputs.geometry import Affine
from unseen.inputs.space import Space


@dataclass(frozen=True, eq=False)
class Prepared:
    """A photograph as the network sees it, before normalisation, and what was done to it.

    Attributes:
        pixels: float32, shape ``(C, *space)``, as shares of the model's range: a photograph's are RGB in [0, 1].
        kind: what was given, in words.
        given: the lengths of its axes: of an image (height, width), upright.
        resized: (height, width) to which it was scaled, or ``None`` if it was not.
        corner: (top, left) of the network's window on what was scaled, in pixels; negative where a border was put
            around it.
        rounded: whether numbers were rounded to 8 bits.
        geometry: of an image, from pixels of its file, as it is displayed, to pixels of the network's input.
        remarks: sentences on how it was read, which a reader must know.
        coordinates: of a signal or a volume, where its samples or voxels lie, if that is known.
    """

    pixels: Float[Tensor, "C *space"]
    kind: str
    given: Space
    resized: tuple[int, int] | None = None
    corner: tuple[int, int] = (0, 0)
    rounded: bool = False
    geometry: Affine | None = None
    remarks: tuple[str, ...] = ()
    coordinates: Coordinates | None = None

    @property
    def size(self) -> Space:
        """The lengths of the axes of the network's input; those of an image are its height and width."""
        return tuple(self.pixels.shape[1:])

    def to_dict(self) -> dict[str, Any]:
        """Where the network's input lies on the photograph, ready for JSON; all lengths are in pixels."""
        geometry = {
            "given": list(self.given),
            "resized": list(self.resized) if self.resized else None,
            "crop": [*self.corner, *self.size] if len(self.size) == 2 else None,
            "photograph_to_input": self.geometry.to_dict() if self.geometry else None,
        }
        known = {"coordinates": self.coordinates.to_dict()} if self.coordinates else {}
        return {"geometry": geometry, "rounded_to_8_bits": self.rounded, **known}

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence on what was done, where a reader would take the map for one of what was given."""
        cut = (self.resized or self.given) != self.size
        how = "put into a frame of" if min(self.corner) < 0 else "cropped to the middle"
        scaled = self.resized is not None
        done = [
            *(["rounded to 8 bits"] if self.rounded else []),
            *([f"scaled to {_sides(self.resized)}"] if self.resized else []),
            *([f"{how} {_sides(self.size)}"] if cut else []),
        ]
        numbers = self.kind in ("tensor", "array")
        if not done or not (numbers or (scaled and self.given == self.size)):
            return self.remarks
        remedy = f"a tensor, or an array of floats, of {_sides(self.size)} passes as it is"
        said = f"the {self.kind} of {_sides(self.given)} pixels (height × width) was {_listed(done)}; {remedy}"
        return (said, *self.remarks)


def _sides(size: Space) -> str:
    return " × ".join(map(str, size))


def _listed(done: list[str]) -> str:
    return " and ".join([", ".join(done[:-1]), done[-1]] if len(done) > 1 else done)
