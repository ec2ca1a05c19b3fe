from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from helpers.browser import opened
from helpers.spaces import Looking, part_of
from unseen import Classifier, Explanation, Preprocessing, compare, explain
from unseen.explanation.html.slices import slices_of
from unseen.explanation.plotting.flat import centre_of, flat
from unseen.report import report_of, write_report

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SPACE = (14, 12, 10)
"""Left to right, front to back, down to up: slices are 1.5, 1 and 2.5 mm thick."""
ORANGE = (
    "canvas => { const d = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data; let n = 0;"
    "for (let i = 0; i < d.length; i += 4) n += d[i] === 240 && d[i + 1] === 120 && d[i + 2] === 0; return n }"
)


def scan(place: Path) -> tuple[Path, Classifier]:
    """A nodule in noise."""
    nibabel = pytest.importorskip("nibabel")
    values = 200 * np.random.default_rng(0).random(SPACE).astype(np.float32)
    values[part_of(SPACE).numpy()] += 600
    nibabel.save(nibabel.Nifti1Image(values, np.diag([1.5, -1, 2.5, 1])), place / "scan.nii.gz")
    fed = Preprocessing(SPACE, None, mean=(0,), std=(100,), range=(0, 1000), unit="HU")
    return place / "scan.nii.gz", Classifier(Looking(SPACE, 1, 1.0), fed, ["nodule", "none"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """It is explained."""
    place = tmp_path_factory.mktemp("volume")
    asked = {"method": "occlusion", "removal": "black", "part": "sufficient", "chance": 0, "backgrounds": 0}
    explain(*scan(place), **asked).save(place / "out")
    write_report(place / "out")
    return place / "out"


def scrolled(page: Page, pane: int, at: int) -> tuple[str, int]:
    """What the pane is called at a slice, and how many of its pixels show a border."""
    slider = page.locator("[data-slice]").nth(pane)
    slider.evaluate("(field, at) => { field.value = at; field.dispatchEvent(new Event('input')); }", at)
    return page.locator("[data-name]").nth(pane).inner_text(), page.locator("canvas").nth(pane).evaluate(ORANGE)


def test_a_volume_is_scrolled_along_its_three_axes(browser: Browser, folder: Path) -> None:
    """Head first, front first, left first, whatever the file's order; the border is drawn where the part lies."""
    found = Explanation.load(folder)
    mask = found.parts[0].mask.flip(2).permute(2, 1, 0)
    with opened(browser, folder / "report.html") as (page, told):
        page.locator("[data-name]", has_text="of").nth(2).wait_for(state="visible")
        assert page.locator("[data-name]").all_inner_texts() == [
            f"{centre_of(found)[axis] + 1} of {SPACE[axis]} ({name})"
            for axis, name in ((2, "down → up"), (1, "front → back"), (0, "left → right"))
        ]
        for pane in range(3):
            for at in range(mask.shape[pane]):
                name, orange = scrolled(page, pane, at)
                number = mask.shape[0] - at if pane == 0 else at + 1
                assert name.startswith(f"{number} of {mask.shape[pane]} ")
                assert (orange > 0) == bool(mask.select(pane, at).any())
        page.locator("[data-mark]").first.uncheck()
        assert scrolled(page, 0, slices_of({"map": found}).panes[0].start)[1] == 0
        assert [said for said in told if "willReadFrequently" not in said] == []  # that it is read here, pixel by pixel


def test_maps_that_are_compared_scroll_together_and_show_the_same_slices(browser: Browser, tmp_path: Path) -> None:
    found = compare(*scan(tmp_path), methods=["occlusion", "random"], removals=["black"], folder=tmp_path / "out")
    assert "Every picture shows a volume of 14 × 12 × 10 voxels; slices " in " ".join(
        text.get_text() for text in found.plot().texts
    )
    one, other = (cell.explanation for cell in found.cells)
    assert one is not None
    assert other is not None
    assert torch.equal(flat(other, centre_of(one)).image, flat(one).image)
    assert not torch.equal(flat(other).image, flat(one).image)
    with opened(browser, write_report(tmp_path / "out")) as (page, _):
        page.locator("[data-name]", has_text="of").nth(2).wait_for(state="visible")
        canvas, chosen = page.locator("canvas").first, page.locator("[data-layer]")
        before = canvas.evaluate("canvas => canvas.toDataURL()")
        assert chosen.locator("option").all_inner_texts() == ["occlusion, hidden by black", "random, hidden by black"]
        chosen.select_option(index=1)
        assert canvas.evaluate("canvas => canvas.toDataURL()") != before
        chosen.select_option(index=0)
        assert canvas.evaluate("canvas => canvas.toDataURL()") == before


def test_slices_have_the_proportions_of_the_body(folder: Path) -> None:
    heights, widths = zip(*(pane.shown for pane in slices_of({"map": Explanation.load(folder)}).panes), strict=True)
    across, deep, tall = 14 * 1.5, 12 * 1.0, 10 * 2.5
    for found, expected in (
        (heights[0] / widths[0], deep / across),
        (heights[1] / widths[1], tall / across),
        (heights[2] / widths[2], tall / deep),
    ):
        assert found == pytest.approx(expected, rel=0.02)


def test_a_large_volume_is_thinned_and_says_so(folder: Path) -> None:
    found = Explanation.load(folder)
    long = torch.zeros(300, 3, 4)
    long[150] = 1
    thin = replace(found, image=long[None], saliency=long, parts=(), curve=None)
    tall, _, across = slices_of({"map": thin}).panes
    assert len(tall.names) == 4
    assert len(across.names) == 100
    assert across.names[-1] == "298 of 300 (left → right)"
    assert "not every slice is shown" in slices_of({"map": thin}).words[0]


def test_on_a_phone_and_without_script(browser: Browser, folder: Path) -> None:
    with opened(browser, folder / "report.html", viewport={"width": 360, "height": 740}) as (page, _):
        page.locator("[data-slice]").first.wait_for(state="visible")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
    with opened(browser, folder / "report.html", java_script_enabled=False) as (page, told):
        assert not page.locator("[data-slices]").is_visible()
        assert page.locator("[data-colours]").is_visible()
        assert report_of(folder).answer[0] in page.locator("main").inner_text()
        assert told == []
