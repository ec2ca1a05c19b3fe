"""Pictures for the gallery: figures of pyplot, and the one that stands at the end of a block, as in a notebook."""

from __future__ import annotations

import ast
import hashlib
import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst, matplotlib_scraper

DOTS_PER_INCH = 110
_MARK = "made-with.sha256"
_WHILE = ExitStack()


def scrape(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """The pictures of a block as reStructuredText.

    Args:
        block: its kind, its text and its first line.
        block_vars: what is known of it; ``example_globals`` are the names of the script.
        gallery_conf: the gallery's settings.
    """
    found = matplotlib_scraper(block, block_vars, gallery_conf, dpi=DOTS_PER_INCH)
    body = ast.parse(block[1]).body
    shown = block_vars["example_globals"].get("___") if body and isinstance(body[-1], ast.Expr) else None
    if not isinstance(shown, Figure):
        return found
    path = Path(next(block_vars["image_path_iterator"]))
    shown.savefig(path, dpi=DOTS_PER_INCH, facecolor="white")
    return found + figure_rst([str(path)], gallery_conf["src_dir"])


def reset(gallery_conf: dict[str, Any], script: str, when: str) -> None:
    """While a script runs, a warning is an error, as in the tests; Sphinx itself is left alone.

    Args:
        gallery_conf: the gallery's settings.
        script: its name.
        when: "before" or "after" it.
    """
    del gallery_conf, script
    _WHILE.close()
    if when == "before":
        _WHILE.enter_context(warnings.catch_warnings())
        warnings.simplefilter("error")


def digest(package: Path) -> str:
    """Of all sources of a package."""
    found = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()


def outdated(package: Path, gallery: Path) -> bool:
    """Whether the package has changed since the gallery was made; the gallery itself only looks at its scripts."""
    mark = gallery / _MARK
    return not mark.exists() or mark.read_text() != digest(package)


def remember(package: Path, gallery: Path) -> None:
    """Note what the gallery was made with, once it is."""
    (gallery / _MARK).write_text(digest(package))
