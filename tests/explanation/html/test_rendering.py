from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from helpers.synthetic import make_explanation, make_part
from unseen.explanation.html.maps import map_of
from unseen.explanation.html.rendering import cell

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HOSTILE = "</iframe><script>parent.document.title='owned'</script>\"'&"


def test_a_cell_works_in_a_notebook_and_cannot_reach_it(browser: Browser, tmp_path: Path) -> None:
    explanation = make_explanation(label=HOSTILE, parts=(make_part(),))
    notebook = tmp_path / "notebook.html"
    notebook.write_text(f"<title>mine</title>{explanation._repr_html_()}", encoding="utf-8")
    told: list[str] = []
    place = browser.new_context(offline=True)
    page = place.new_page()
    page.set_default_timeout(20_000)
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda asked: told.append(asked.url) if not asked.url.startswith(("data:", "file:")) else None)
    page.goto(notebook.as_uri())
    inside = page.frame_locator("iframe")
    inside.locator("[data-walk]").fill("2")
    said = inside.locator("[data-said]")
    said.filter(has_text="100.0 % of the pixels shown alone").wait_for()
    assert HOSTILE in (said.text_content() or "")
    inside.locator("[data-show]").uncheck()
    assert inside.locator("[data-part]").is_hidden()
    assert (page.title(), told) == ("mine", [])
    place.close()


@pytest.mark.parametrize("count", [1, 3])
def test_of_several_maps_each_can_be_unfolded(count: int) -> None:
    found = cell("maps", [map_of(make_explanation(), f"map {number}") for number in range(count)])
    assert found.count("&lt;summary&gt;map") == (count if count > 1 else 0)
