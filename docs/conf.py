import sys
from importlib.metadata import version as installed_version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "extensions"))
import reference

from unseen.metrics import METRICS

project = "unseen"
author = "The unseen developers"
copyright = author
release = installed_version("unseen")
version = release

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "declared_options",
    "reference",
]
exclude_patterns = ["tables/*", "_generated/*.md", "_build"]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_preserve_defaults = True
nitpicky = True
nitpick_ignore_regex = reference.ELSEWHERE
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = f"unseen {release}"


def setup(app):
    app.connect("builder-inited", lambda app: _write_metrics(Path(app.srcdir) / "_generated" / "metrics.md"))


def _write_metrics(path):
    """The table of every registered metric, which the page on metrics includes."""
    lines = ["| metric | what it is | better | range | cost, model evaluations | needs | known weakness | source |"]
    lines.append("| --- " * 8 + "|")
    for name, entry in METRICS.entries.items():
        better = entry.better or "not for ranking"
        needs = ", ".join(entry.needs)
        cells = [f"`{name}`", entry.summary, better, entry.range, entry.cost, needs, entry.weakness, entry.citation]
        lines.append(f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |")
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
