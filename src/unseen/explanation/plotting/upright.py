"""A volume as it is shown: where its file says how the patient lies, up is up, front is up, and left is on the left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Shaped
from torch import Tensor

from unseen.inputs.coordinates import Coordinates
from unseen.inputs.space import Space

_DISPLAY = (("up → down", "down → up"), ("front → back", "back → front"), ("left → right", "right → left"))
"""How the axes of a patient are shown, and what must be turned round."""

_LETTERS = (("S", "I"), ("A", "P"), ("L", "R"))
"""Superior and inferior, anterior and posterior, left and right: the ends of these axes as they are shown."""


@dataclass(frozen=True)
class Upright:
    """In which order the axes of a volume are shown, and which way round.

    Attributes:
        shape: of what is shown, (D, H, W).
        order: which axis of the file each of these is.
        turned: whether it is shown from its end.
        steps: length of a voxel along each, in the unit of the file; 1 where it is not known.
        names: of each, as the file tells them.
        oriented: whether the file says how the patient lies.

    Example:
        >>> from unseen.explanation.plotting.upright import Upright
        >>> from unseen.inputs.coordinates import Axis, Coordinates
        >>> towards = ("left → right", "back → front", "down → up")
        >>> view = Upright.of(Coordinates(tuple(Axis(name, "mm", step=2.0) for name in towards)), (30, 20, 10))
        >>> view.shape, view.place((4, 0, 0)), view.slice_named(0, 9)
        ((10, 20, 30), (9, 19, 4), '1 of 10 (down → up)')
    """

    shape: Space
    order: tuple[int, ...] = (0, 1, 2)
    turned: tuple[bool, ...] = (False,) * 3
    steps: tuple[float, ...] = (1.0,) * 3
    names: tuple[str, ...] = ("axis 1", "axis 2", "axis 3")
    oriented: bool = False

    @classmethod
    def of(cls, known: Coordinates, space: Space) -> Upright:
        """As the coordinates of a file say; as it is stored where they do not say how the patient lies."""
        if not known.axes:
            return cls(space)
        axes, names = known.axes, [axis.name for axis in known.axes]
        order, turned = [0, 1, 2], [False] * 3
        oriented = all(sum(name in pair for name in names) == 1 for pair in _DISPLAY)
        if oriented:
            order = [next(n for n, name in enumerate(names) if name in pair) for pair in _DISPLAY]
            turned = [names[axis] == pair[1] for axis, pair in zip(order, _DISPLAY, strict=True)]
        return cls(
            tuple(space[axis] for axis in order),
            tuple(order),
            tuple(turned),
            tuple(abs(axes[axis].step) for axis in order),
            tuple(names[axis] or f"axis {axis + 1}" for axis in order),
            oriented,
        )

    def ends(self, axis: int) -> tuple[str, str]:
        """Letters for the beginning and the end of an axis as it is shown, as anatomists have them; else empty.

        Example:
            >>> from unseen.explanation.plotting.upright import Upright
            >>> Upright((3, 4, 5), oriented=True).ends(1), Upright((3, 4, 5)).ends(1)
            (('A', 'P'), ('', ''))
        """
        return _LETTERS[axis] if self.oriented else ("", "")

    def laid(self, values: Shaped[Tensor, "... _ _ _"]) -> Shaped[Tensor, "... D H W"]:
        """Values of the file's voxels as they are shown."""
        front = values.ndim - 3
        upright = values.permute(*range(front), *(front + axis for axis in self.order))
        return upright.flip([front + axis for axis, flip in enumerate(self.turned) if flip])

    def place(self, voxel: Sequence[int]) -> tuple[int, ...]:
        """Where a voxel of the file is shown."""
        along = zip(self.order, self.turned, self.shape, strict=True)
        return tuple(n - 1 - voxel[axis] if flip else voxel[axis] for axis, flip, n in along)

    def slice_named(self, axis: int, place: int) -> str:
        """Which slice of the file is shown at a place of an axis, in words."""
        count = self.shape[axis]
        return f"{count - place if self.turned[axis] else place + 1} of {count} ({self.names[axis]})"
