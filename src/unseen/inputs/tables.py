"""Tables of numbers as text: a row for each sample, a column for each channel, perhaps one before them that says where.

Columns are separated by commas, semicolons (the decimal sign may then be a comma), tabs or spaces. A first line that is
no numbers names them; lines that begin with # are passed over.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unseen.errors import PhotoError
from unseen.inputs.coordinates import Axis, Coordinates
from unseen.inputs.opening import MAX_BYTES
from unseen.inputs.stored import Stored

_TITLE = re.compile(r"^(.*?)\s*[(\[](.*?)[)\]]\s*$")


def read(path: Path, channels: int, axes: int) -> Stored:
    """The table, shape (rows, columns).

    Of a signal a column more than there are channels is the first one, and says where samples lie: time, wavelength.

    Args:
        path: the file.
        channels: of the model.
        axes: of its input.

    Raises:
        PhotoError: it is too large, no text, or no table of numbers; or its first column is no axis.
    """
    if path.stat().st_size > MAX_BYTES / 20:
        raise PhotoError(f"{path} is too large for a table of text; save it by numpy.save as .npy")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (UnicodeDecodeError, OSError) as error:
        reason = getattr(error, "strerror", None) or "it is no text in UTF-8"
        raise PhotoError(f"{path} cannot be read as a table ({reason}); save it as CSV in UTF-8") from None
    lines = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip() and line.lstrip()[0] != "#"]
    if not lines:
        raise PhotoError(f"{path} has no numbers; give a table with a row for each sample")
    sign = _separator([line for _, line in lines])
    rows = [(number, [piece.strip() for piece in line.strip().split(sign)]) for number, line in lines]
    comma = sign in (";", "\t")
    numeric = all(_number(piece, comma) is not None for piece in rows[0][1])
    names = None if numeric else [name.strip('"') for name in rows[0][1]]
    values = _values(path, rows[names is not None :], comma)
    if axes != 1 or values.shape[1] != channels + 1 or len(values) == channels:
        return Stored(values, str(path), "either" if len(values) == channels else "last")
    title = names[0] if names else ""
    split = _TITLE.match(title)
    name, unit = split.groups() if split else (title, "")
    axis = Axis.through(values[:, 0], name, unit, str(path))
    return Stored(values[:, 1:], str(path), "last", coordinates=Coordinates((axis,)))


def _separator(lines: list[str]) -> str | None:
    """What stands between columns, as the lines after the first say, which may hold names; ``None`` if spaces do."""
    for some in (lines[1:], lines):
        for sign in (";", "\t", ","):
            if any(sign in line for line in some):
                return sign
    return None


def _values(path: Path, rows: list[tuple[int, list[str]]], comma: bool) -> NDArray[np.float64]:
    if not rows:
        raise PhotoError(f"{path} has names and no numbers; give a table with a row for each sample")
    wide, values = len(rows[0][1]), []
    for number, row in rows:
        if len(row) != wide:
            raise PhotoError(f"line {number} of {path} has {len(row)} columns and the first has {wide}; mend the table")
        for piece in row:
            found = _number(piece, comma)
            if found is None:
                raise PhotoError(f"line {number} of {path} holds {piece[:30]!r}, which is no number; mend the table")
            values.append(found)
    return np.array(values).reshape(len(rows), wide)


def _number(piece: str, comma: bool) -> float | None:
    """A number, whose decimal sign may be a comma where commas do not stand between columns."""
    try:
        return float(piece.replace(",", ".") if comma else piece)
    except ValueError:
        return None
