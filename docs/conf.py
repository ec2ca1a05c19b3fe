import sys
from importlib.metadata import version as installed_version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "extensions"))
import pictures
import reference

from unseen.metrics import METRICS
from unseen.system.process import tune_allocator

tune_allocator()  # for the scripts of the gallery

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
    "sphinx_gallery.gen_gallery",
    "declared_options",
    "offline",
    "reference",
]
exclude_patterns = ["tables/*", "_generated/*.md", "gallery-sources/*", "_build"]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_preserve_defaults = True
nitpicky = True
nitpick_ignore_regex = reference.ELSEWHERE
napoleon_numpy_docstring = False

GALLERY = Path(__file__).parent / "gallery"
sphinx_gallery_conf = {
    "examples_dirs": "gallery-sources",
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",
    "within_subsection_order": "FileNameSortKey",
    "image_scrapers": ("pictures.scrape",),
    "reset_modules": ("matplotlib", "pictures.reset"),
    "reset_modules_order": "both",
    "run_stale_examples": pictures.outdated(reference.SOURCE, GALLERY),
    "capture_repr": ("_repr_html_",),
    "remove_config_comments": True,
    "show_signature": False,
    "write_computation_times": False,
}

html_theme = "furo"
html_title = f"unseen {release}"
html_static_path = ["_static"]
html_css_files = ["manual.css"]


def setup(app):
    app.connect("build-finished", lambda _app, failed: failed or pictures.remember(reference.SOURCE, GALLERY))
    app.connect("builder-inited", lambda app: _write_metrics(Path(app.srcdir) / "_generated" / "metrics.md"))


def _write_metrics(path):
    """The table of every registered metric, which the page on metrics includes."""
    lines = ["| metric | what it is | better | range | cost, model evaluations | needs | known weakness | source |"]
    lines.append("| --- " * 8 + "|")
    for name, entry in METRICS.entries.items():
        better = entry.direction.replace(" is better", "")
        needs = ", ".join(entry.needs)
        cells = [f"`{name}`", entry.summary, better, entry.range, entry.cost, needs, entry.weakness, entry.citation]
        lines.append(f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |")
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
