"""Where a point of a photograph lies on what is made of it, and back: affine geometry between two pixel grids.

A point is (x, y), x to the right and y down; the centre of the first pixel is (0.5, 0.5), so that the corners of a
picture of (H, W) pixels are (0, 0) and (W, H).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unseen.errors import ParameterError
from unseen.inputs.space import Space

Row = tuple[float, float, float]


@dataclass(frozen=True)
class Affine:
    """How points of a photograph are carried to the network's input: x' = a·x + b·y + c, y' = d·x + e·y + f.

    Args:
        matrix: ((a, b, c), (d, e, f)), from pixels of the photograph as it is displayed to pixels of the input.
        source_size: (height, width) of the photograph's file as it is displayed, after its EXIF rotation; of a file
            that was decoded at a smaller size, that of the file.
        orientation: the EXIF orientation, 1 to 8; 1 where the file is stored upright.

    Raises:
        ParameterError: a matrix that is not 2 × 3 and finite or cannot be inverted, a size that is not positive, or an
            orientation outside 1 to 8.

    Example:
        >>> from unseen.inputs.geometry import Affine
        >>> halved = Affine(((0.5, 0, 0), (0, 0.5, -8)), source_size=(200, 100))
        >>> halved.apply([[10, 20]]).tolist()
        [[5.0, 2.0]]
        >>> halved.inverse().apply([[5, 2]]).tolist()
        [[10.0, 20.0]]
    """

    matrix: tuple[Row, Row]
    source_size: tuple[int, int]
    orientation: int = 1

    def __post_init__(self) -> None:
        matrix = np.array(self.matrix, dtype=np.float64)
        if matrix.shape != (2, 3) or not np.isfinite(matrix).all():
            raise ParameterError(f"the matrix {self.matrix} is not one of 2 × 3 finite numbers")
        object.__setattr__(self, "matrix", _rows(matrix))
        if min(self.source_size) < 1:
            raise ParameterError(f"the size {self.source_size} is not a positive height and width")
        if self.orientation not in range(1, 9):
            raise ParameterError(f"EXIF orientation {self.orientation} is outside 1 … 8")
        if not self.area:
            raise ParameterError(f"the matrix {self.matrix} maps a photograph to a line; it has no way back")

    @classmethod
    def scaling(cls, source: tuple[int, int], to: tuple[int, int], orientation: int = 1) -> Affine:
        """The photograph scaled to (height, width) ``to``."""
        return cls(((to[1] / source[1], 0, 0), (0, to[0] / source[0], 0)), source, orientation)

    @property
    def area(self) -> float:
        """By how much areas grow; negative where the picture is mirrored."""
        (a, b, _), (d, e, _) = self.matrix
        return a * e - b * d

    def apply(self, points: Sequence[Sequence[float]] | NDArray[Any]) -> NDArray[np.float64]:
        """Where points, shape (…, 2), lie afterwards."""
        matrix = np.array(self.matrix)
        return np.asarray(np.asarray(points, dtype=np.float64) @ matrix[:, :2].T + matrix[:, 2])

    def inverse(self) -> Affine:
        """The way back, from the input to the photograph; what it carries with it stays that of the photograph."""
        linear = np.linalg.inv(np.array(self.matrix)[:, :2])
        shift = -linear @ np.array(self.matrix)[:, 2]
        return replace(self, matrix=_rows(np.column_stack([linear, shift])))

    def compose(self, after: Affine) -> Affine:
        """This first, ``after`` next; of the photograph of this."""
        first, second = (np.vstack([one.matrix, (0, 0, 1)]) for one in (self, after))
        return replace(self, matrix=_rows((second @ first)[:2]))

    def moved(self, left: float, top: float) -> Affine:
        """This first, then a move by pixels to the right and down; negative numbers cut."""
        (a, b, c), (d, e, f) = self.matrix
        return replace(self, matrix=((a, b, c + left), (d, e, f + top)))

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON; :meth:`of` reads it."""
        return {
            "matrix": [list(row) for row in self.matrix],
            "source_size": list(self.source_size),
            "orientation": self.orientation,
        }

    @classmethod
    def of(cls, record: dict[str, Any]) -> Affine:
        """What :meth:`to_dict` wrote.

        Raises:
            ParameterError: as of the class, or a record of another form.
        """
        try:
            (first, second), (height, width) = record["matrix"], record["source_size"]
            matrix, size = _rows(np.array([first, second], dtype=np.float64)), (int(height), int(width))
        except (KeyError, TypeError, ValueError):
            raise ParameterError(f"{record!r:.200} is not a geometry: matrix, source_size, orientation") from None
        return cls(matrix, size, record.get("orientation", 1))


def lies_on_input(size: Space, space: Space, to_input: Affine | None) -> bool:
    """Whether a mask or labels of this size are those of the network's input, and need not be carried to it.

    Where the photograph has the same size and is scaled or cropped, they lie on the photograph.

    Args:
        size: of the mask or the labels.
        space: of the network's input.
        to_input: from the photograph to it; ``None`` if that is not known.
    """
    return size == space and (to_input is None or to_input.source_size != space)


def _rows(matrix: NDArray[Any]) -> tuple[Row, Row]:
    (a, b, c), (d, e, f) = (map(float, row) for row in matrix)
    return (a, b, c), (d, e, f)
