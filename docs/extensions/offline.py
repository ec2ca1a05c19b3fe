"""The finished site is read once: every link within it leads somewhere, and no page loads anything from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from sphinx.errors import ExtensionError

LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
"""Elements that load what an attribute names; all else is loaded by a click only."""
QUIET = {"canonical", "author", "copyright", "index", "next", "prev", "search"}
"""What a link element may be without loading anything."""


@dataclass
class Page(HTMLParser):
    """What a page has, and what it names.

    Attributes:
        ids: of its elements.
        links: addresses that a click leads to.
        loads: addresses that it loads.
    """

    ids: set[str] = field(default_factory=set)
    links: set[str] = field(default_factory=set)
    loads: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called for every element."""
        said = {name: value or "" for name, value in attrs}
        self.ids |= {said[name] for name in ("id", "name") if said.get(name)}
        if tag == "a" and said.get("href"):
            self.links.add(said["href"])
        if LOADED.get(tag) in said and not (tag == "link" and said.get("rel") in QUIET):
            self.loads.add(said[LOADED[tag]])


def faults(site: Path) -> list[str]:
    """What is wrong with a site, a sentence each.

    Args:
        site: the folder of its pages.
    """
    pages = {}
    for path in sorted(site.rglob("*.html")):
        pages[path.resolve()] = page = Page()
        page.feed(path.read_text("utf-8"))
    found = []
    for path, page in pages.items():
        where = path.relative_to(site.resolve()).as_posix()
        for address in sorted(page.loads):
            parts = urlsplit(address)
            if parts.scheme not in ("", "data") or parts.netloc:
                found.append(f"{where} loads {address}")
        for address in sorted(page.links | page.loads):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                found.append(f"{where} links to {address}, which is not there")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].ids:
                found.append(f"{where} links to {address}, which has no such place")
    return found


def check(app: Any, exception: Exception | None) -> None:
    """Refuse a site with faults.

    Raises:
        ExtensionError: there are some.
    """
    if exception is None and app.builder.format == "html" and (found := faults(Path(app.outdir))):
        raise ExtensionError("\n".join(found))


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("build-finished", check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
