"""Figures as files: a PNG without a display."""

from __future__ import annotations

import base64
import html
import io
from typing import TYPE_CHECKING

from unseen.system.quiet import quiet

if TYPE_CHECKING:
    from matplotlib.figure import Figure


DOTS_PER_INCH = 160


def png(figure: Figure) -> bytes:
    """The figure as a PNG file; needs neither a display nor pyplot."""
    buffer = io.BytesIO()
    with quiet("Glyph .* missing from"):  # each release of matplotlib words it
        figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, facecolor="white", metadata={"Software": None})
    return buffer.getvalue()


def inline(picture: bytes, alt: str) -> str:
    """A PNG file as an HTML image for a notebook, no wider than its page; ``alt`` is what is read in its place."""
    source = base64.b64encode(picture).decode()
    return f'<img alt="{html.escape(alt, quote=True)}" style="max-width: 100%" src="data:image/png;base64,{source}">'
