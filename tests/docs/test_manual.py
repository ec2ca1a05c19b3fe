"""What the README and the gallery promise: links that lead somewhere, counts that are right, stories that can be read."""

from __future__ import annotations

import ast
import re
import warnings
from pathlib import Path

import offline
import pictures
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from unseen.criteria import CRITERIA
from unseen.explainers import METHODS
from unseen.metrics import METRICS
from unseen.removal import REMOVALS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
SCRIPTS = sorted((ROOT / "docs" / "gallery-sources").glob("*.py"))
CONTROLS = {"random", "uniform", "edges"}


def slug(heading: str) -> str:
    """The anchor of a heading, as GitHub and MyST make it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!https?:)([^)]+)\)", README))))
def test_a_link_of_the_readme_leads_somewhere(link: str) -> None:
    name, _, anchor = link.partition("#")
    path = ROOT / name
    assert path.is_file()
    if anchor:
        assert anchor in {slug(line.lstrip("#")) for line in path.read_text("utf-8").splitlines() if line[:1] == "#"}


def test_the_readme_counts_right() -> None:
    found = re.search(r"More than (\d+) methods,\s+(\d+)\s+removals\s+and\s+(\d+)\s+metrics", README)
    assert found is not None
    counts = [len(METHODS.entries.keys() - CONTROLS), len(REMOVALS.entries), len(METRICS.entries)]
    assert all(int(number) < count for number, count in zip(found.groups(), counts, strict=True))
    assert len(CRITERIA.entries) == 14
    assert "[fourteen](docs/criteria.md)" in README


def test_the_readme_begins_with_what_it_is_a_result_and_two_commands() -> None:
    picture, demo, test, install = (
        README.index(text) for text in ("![", "$ make demo", "$ make test", "$ pip install")
    )
    assert README.index("trained PyTorch model") < picture < demo < test < install
    assert picture < 600  # within one screen
    assert len(re.findall(r"^\$ unseen", README, re.MULTILINE)) == 5


def test_the_gallery_has_a_script_of_each_kind() -> None:
    assert len(SCRIPTS) >= 14


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_tells_a_story_that_runs_anywhere(script: Path) -> None:
    text = script.read_text("utf-8")
    title, line, *_ = (ast.get_docstring(ast.parse(text)) or "").splitlines()
    assert line == "=" * len(title)
    assert text.count("# %%") >= 2
    assert ".plot(" in text or "imshow(" in text
    assert "examples/" not in text  # nothing of the repository, which whoever downloads the script does not have


@pytest.mark.parametrize(
    ("page", "told"),
    [
        ('<a href="other.html#there">x</a><img src="data:image/png;base64,">', []),
        ('<a href="https://example.org">x</a><link rel="canonical" href="https://example.org">', []),
        ('<script src="https://example.org/a.js"></script>', ["loads https://example.org/a.js"]),
        ('<link rel="stylesheet" href="//example.org/a.css">', ["loads //example.org/a.css"]),
        ('<a href="missing.html">x</a>', ["missing.html, which is not there"]),
        ('<a href="other.html#nowhere">x</a>', ["which has no such place"]),
        ('<a href="#nowhere">x</a>', ["which has no such place"]),
        ('<img src="missing.png">', ["missing.png, which is not there"]),
    ],
)
def test_a_site_that_loads_something_or_has_a_dead_link_is_refused(tmp_path: Path, page: str, told: list[str]) -> None:
    (tmp_path / "index.html").write_text(page, "utf-8")
    (tmp_path / "other.html").write_text('<p id="there">', "utf-8")
    found = offline.faults(tmp_path)
    assert len(found) == len(told)
    assert all(part in fault for part, fault in zip(told, found, strict=True))


@pytest.mark.parametrize(("code", "drawn"), [("figure", 1), ("figure\nprint()", 0), ("other = figure", 0), ("1", 0)])
def test_a_figure_at_the_end_of_a_block_is_shown(tmp_path: Path, code: str, drawn: int) -> None:
    plt.close("all")  # what other tests left open would be shown, too
    names = {"___": 1 if code == "1" else Figure() if code == "figure" else None}
    block_vars = {"example_globals": names, "image_path_iterator": iter([tmp_path / "one.png"])}
    configuration = {
        "src_dir": str(tmp_path),
        "image_srcset": [],
        "compress_images": [],
        "matplotlib_animations": (False, None),
    }
    found = pictures.scrape(("code", code, 1), block_vars, configuration)
    assert len([*tmp_path.glob("*.png")]) == found.count("one.png") // 2 == drawn


def test_the_gallery_is_made_anew_when_the_package_has_changed(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "a.py").write_text("a = 1")
    asked = tmp_path / "code", tmp_path
    assert pictures.outdated(*asked)
    pictures.remember(*asked)
    assert not pictures.outdated(*asked)
    (tmp_path / "code" / "a.py").write_text("a = 2")
    assert pictures.outdated(*asked)


def test_a_warning_is_an_error_while_a_script_runs_and_no_longer() -> None:
    before = list(warnings.filters)
    pictures.reset({}, "script.py", "before")
    with pytest.raises(DeprecationWarning):
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    pictures.reset({}, "script.py", "after")
    assert list(warnings.filters) == before
