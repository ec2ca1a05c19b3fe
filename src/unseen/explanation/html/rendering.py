"""From blocks to HTML: a page of its own, or a cell of a notebook."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from typing import Any

from unseen.explanation.html.blocks import Map, Picture, Report

_POLICY = (
    "default-src 'none'; img-src data:; style-src '{style}'; script-src '{script}'; base-uri 'none'; form-action 'none'"
)
_CELL_HEIGHT, _PICTURE_HEIGHT = 36, 30
"""Rem: of a map in a cell, and of a picture above it; what is longer scrolls."""


def rendered(report: Report) -> str:
    """The page: everything in it is escaped, and its policy lets nothing run or load but its own style and script."""
    return _filled("page.html", report=report)


def cell(title: str, maps: Sequence[Map], picture: Picture | None = None) -> str:
    """Maps with their sliders for a notebook, as a frame that can neither reach the notebook nor load anything.

    Args:
        title: what is read in its place.
        maps: one below the other; of several each but the first is folded.
        picture: what stands above them.

    Example:
        >>> from unseen.explanation.html.rendering import cell
        >>> cell("a <map>", []).partition(" srcdoc")[0]
        '<iframe title="a &lt;map&gt;" sandbox="allow-scripts"'
    """
    page = _filled("cell.html", title=title, maps=maps, picture=picture)
    height = _CELL_HEIGHT + (_PICTURE_HEIGHT if picture else 0)
    return framed(page, title, f'style="width: 100%; height: {height}rem; border: 0"')


def framed(page: str, title: str, look: str) -> str:
    """A page within a page, of which it can reach nothing; its own policy forbids it to load anything.

    Args:
        page: see :func:`rendered`.
        title: what is read in its place.
        look: attributes of the frame, as HTML.
    """
    return f'<iframe title="{html.escape(title)}" sandbox="allow-scripts" srcdoc="{html.escape(page)}" {look}></iframe>'


def _filled(name: str, **content: Any) -> str:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    style, script = _own("page.css"), _own("page.js")
    policy = _POLICY.format(style=_digest(style), script=_digest(script))
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, loader=FunctionLoader(_own)
    )
    return environment.get_template(name).render(**content, style=style, script=script, policy=policy)


def _own(name: str) -> str:
    """A file that stands beside this one."""
    return (files("unseen.explanation.html") / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """What a Content-Security-Policy calls a text that may run."""
    return f"sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}"
