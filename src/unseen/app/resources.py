"""The files of the page: styles and scripts."""

from __future__ import annotations

from importlib.resources import files


def text_of(name: str) -> str:
    """A file beside this module.

    Example:
        >>> from unseen.app.resources import text_of
        >>> "prefers-reduced-motion" in text_of("page.css")
        True
    """
    return (files("unseen.app") / name).read_text(encoding="utf-8")
