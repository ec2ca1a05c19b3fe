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
    sign = next((sign for sign in (";", "\t", ",") if any(sign in line for _, line in lines)), None)
    rows = [(number, [piece.strip() for piece in line.strip().split(sign)]) for number, line in lines]
    names = None if all(map(_is_number, rows[0][1])) else [name.strip('"') for name in rows[0][1]]
    values = _values(path, rows[names is not None :])
    if axes != 1 or values.shape[1] != channels + 1 or len(values) == channels:
        return Stored(values, str(path), "either" if len(values) == channels else "last")
    title = names[0] if names else ""
    split = _TITLE.match(title)
    name, unit = split.groups() if split else (title, "")
    axis = Axis.through(values[:, 0], name, unit, str(path))
    return Stored(values[:, 1:], str(path), "last", coordinates=Coordinates((axis,)))


def _values(path: Path, rows: list[tuple[int, list[str]]]) -> NDArray[np.float64]:
    if not rows:
        raise PhotoError(f"{path} has names and no numbers; give a table with a row for each sample")
    wide = len(rows[0][1])
    for number, row in rows:
        if len(row) != wide:
            raise PhotoError(f"line {number} of {path} has {len(row)} columns and the first has {wide}; mend the table")
        bad = next((piece for piece in row if not _is_number(piece)), None)
        if bad is not None:
            raise PhotoError(f"line {number} of {path} holds {bad[:30]!r}, which is no number; mend the table")
    return np.array([[float(piece.replace(",", ".")) for piece in row] for _, row in rows])


def _is_number(piece: str) -> bool:
    try:
        float(piece.replace(",", "."))
    except ValueError:
        return False
    return True
