"""What a visitor paints: the photograph to paint on, and the mask that comes back."""

from __future__ import annotations

import base64
import binascii
import io
from pathlib import Path

import numpy as np
from PIL import Image

from unseen.errors import ParameterError
from unseen.explanation.html import encoding
from unseen.inputs.photo import open_upright

LONGEST = 640
"""Pixels of the longer side of what is painted on."""

_PREFIX = "data:image/png;base64,"
_MOST = 4_000_000
"""Letters of a mask's address at most."""

EMPTY = '<p class="unseen-note">The photograph to paint on appears here once you have chosen one above.</p>'

_TOOLS = (("brush", "Brush"), ("box", "Box"), ("lasso", "Lasso"), ("eraser", "Eraser"))

_KEYS = (
    "Paint with the mouse or a finger. By keyboard: arrows move the ring, Shift makes small steps, the space bar "
    "paints; a box or a lasso takes a corner at each press, and Enter closes it."
)


def painting(photo: Path) -> str:
    """A photograph that can be painted on; ``paint.js`` brings it to life.

    Raises:
        PhotoError: it cannot be read.
    """
    shown = open_upright(photo).image
    shown.thumbnail((LONGEST, LONGEST))
    source = encoding.photograph(np.asarray(shown, dtype=np.float32) / np.float32(255))
    width, height = shown.size
    tools = "".join(
        f'<label><input type="radio" name="unseen-tool" value="{value}"{" checked" * (not number)}> {name}</label>'
        for number, (value, name) in enumerate(_TOOLS)
    )
    return (
        f'<div class="unseen-paint"><div role="group" aria-label="Tools" class="tools">{tools}'
        '<label>Size <input type="range" min="2" max="30" value="10" data-size></label>'
        '<button type="button" data-undo>Undo</button><button type="button" data-clear>Clear</button></div>'
        f'<div class="ground"><img src="{source}" alt="The photograph to paint on" width="{width}" height="{height}">'
        f'<canvas width="{width}" height="{height}" tabindex="0" role="application" aria-label="{_KEYS}"></canvas>'
        "</div>"
        f'<p class="unseen-note">{_KEYS}</p></div>'
    )


def mask_of(address: str, photo: Path, folder: Path) -> Path:
    """What was painted, white on black and of the photograph's size, as a file.

    Args:
        address: a ``data:`` address of a PNG picture that is opaque where it was painted.
        photo: what it was painted on.
        folder: where the file is put.

    Raises:
        ParameterError: nothing was painted, or what came is no such picture.
        PhotoError: the photograph cannot be read.
    """
    height, width = open_upright(photo).source_size
    painted = _decoded(address).resize((width, height), Image.Resampling.NEAREST)
    mask = painted.getchannel("A").point(lambda value: 255 * (value > 127))
    if mask.getbbox() is None:
        raise ParameterError("nothing is painted yet; paint over the part that you want to hide")
    path = folder / "painted.png"
    mask.save(path)
    return path


def _decoded(address: str) -> Image.Image:
    wrong = ParameterError("what was painted did not arrive as a picture; open the page again")
    if not address.startswith(_PREFIX) or len(address) > _MOST:
        raise wrong
    try:
        content = base64.b64decode(address.removeprefix(_PREFIX), validate=True)
        picture = Image.open(io.BytesIO(content), formats=["PNG"])
        if max(picture.size) > 4 * LONGEST:
            raise wrong
        return picture.convert("RGBA")
    except (OSError, ValueError, SyntaxError, binascii.Error):
        raise wrong from None
