from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image, ImageChops

from helpers.serving import ESPRESSO, Serving, give, pick, visit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

REPORT = "iframe.unseen-report:visible"


def quickly(page: Page) -> None:
    """Ask for what takes a second."""
    pick(page, "method", "grad-cam –")
    pick(page, "removal", "grey")


def endlessly(page: Page) -> None:
    """Ask for what takes minutes, and wait until it has begun."""
    pick(page, "removal", "zip –")
    page.locator("#explain").click()
    page.get_by_text(re.compile("[0-9] evaluations")).wait_for()


def explained(page: Page) -> str:
    """Explain, and give the words."""
    page.locator("#explain").click()
    page.locator(REPORT).wait_for()
    return page.frame_locator(REPORT).locator(".answer").inner_text()


def test_a_photograph_is_explained_and_the_results_are_taken_home(
    browser: Browser, server: Serving, tmp_path: Path
) -> None:
    with visit(browser, server.address) as page:
        give(page, ESPRESSO)
        assert page.locator("#said li").first.inner_text().startswith("red")
        pick(page, "target", "blue")
        quickly(page)
        words = explained(page)
        assert "blue" in words
        report = page.frame_locator(REPORT)
        walk = report.locator("[data-walk]")
        walk.wait_for()
        walk.evaluate("(field) => { field.value = field.max; field.dispatchEvent(new Event('input')); }")
        assert report.locator("[data-said]").inner_text().startswith("100.0 % of the pixels shown alone: blue ")
        command = report.locator("pre").inner_text()
        assert command.startswith("unseen explain espresso.jpg --model ")
        assert "--target blue" in command
        page.wait_for_function(f"document.querySelector('{REPORT.removesuffix(':visible')}').clientHeight > 700")
        with page.expect_download() as found:
            page.locator("#explain-download").click()
        found.value.save_as(tmp_path / "results.zip")
    with ZipFile(tmp_path / "results.zip") as archive:
        assert {"espresso.jpg", "panel.png", "report.html", "explanation.json"} <= {*archive.namelist()}
        record = archive.read("explanation.json").decode()
    assert not re.search(r"/(tmp|home|private|var)/", record)


def test_a_wrong_file_is_told_in_one_line_and_the_next_works(browser: Browser, server: Serving, tmp_path: Path) -> None:
    wrong = tmp_path / "notes.png"
    wrong.write_text("no picture at all")
    with visit(browser, server.address) as page:
        page.locator("#explain").click()
        page.get_by_text("there is no photograph yet").wait_for()
        give(page, wrong)
        (told,) = page.get_by_role("alert").filter(has_text="notes.png").all_inner_texts()
        assert "\n" not in told
        assert "Traceback" not in told
        give(page, ESPRESSO)
        page.locator("#said").get_by_text("red").wait_for()


def test_work_can_be_stopped(browser: Browser, server: Serving) -> None:
    with visit(browser, server.address) as page:
        give(page, ESPRESSO)
        endlessly(page)
        page.locator("#stop-explain").click()
        page.get_by_text("Stopped.").wait_for()
        assert page.locator("#explain").is_enabled()


def test_two_visitors_get_their_own(browser: Browser, server: Serving, tmp_path: Path) -> None:
    negative = tmp_path / "negative.png"
    ImageChops.invert(Image.open(ESPRESSO).convert("RGB")).save(negative)
    with visit(browser, server.address) as one, visit(browser, server.address) as other:
        give(one, ESPRESSO)
        give(other, negative)
        for page in (one, other):
            quickly(page)
        one.locator("#explain").click()
        assert "blue" in explained(other)
        one.locator(REPORT).wait_for()
        words = one.frame_locator(REPORT).locator(".answer").inner_text()
        assert "red" in words
        assert "blue" not in words


def test_a_part_is_painted_and_trials_are_kept(browser: Browser, server: Serving, tmp_path: Path) -> None:
    with visit(browser, server.address) as page:
        give(page, ESPRESSO)
        page.get_by_role("tab", name="Hide").click()
        canvas = page.locator("#paint canvas")
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] / 3, box["y"] + box["height"] / 3)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.up()
        cards = page.locator("#hide-answer article")
        cards.nth(3).wait_for()
        assert cards.locator("h4").all_inner_texts() == ["ad", "ad:pooled,fill=neighbour", "grey", "blur"]
        assert cards.nth(0).locator("ol").count() == 2
        assert cards.nth(0).locator("ol").first.locator("li").count() == 3
        first = page.locator("#hide-answer").inner_text()
        page.locator("#invert input").check()
        page.wait_for_function("first => document.querySelector('#hide-answer').innerText !== first", arg=first)
        page.locator("#keep").click()
        page.locator("#kept article").wait_for()
        canvas.focus()
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Space")  # a second trial, by keyboard
        page.wait_for_function("!document.querySelector('#keep').disabled")
        page.locator("#keep").click()
        page.locator("#kept article").nth(1).wait_for()
        with page.expect_download() as found:
            page.locator("#hide-download").click()
        found.value.save_as(tmp_path / "kept.zip")
    with ZipFile(tmp_path / "kept.zip") as archive:
        assert {f"{n}/{name}" for n in (1, 2) for name in ("hide.png", "report.html", "painted.png")} <= {
            *archive.namelist()
        }
        record = archive.read("1/hide.json").decode()
    assert "unseen hide espresso.jpg --model " in record
    assert "--part painted.png --invert" in record


def test_maps_are_compared_cell_by_cell(browser: Browser, server: Serving) -> None:
    with visit(browser, server.address) as page:
        give(page, ESPRESSO)
        page.get_by_role("tab", name="Compare").click()
        for what, fewer in (("methods", 2), ("removals", 1)):
            field = page.locator(f"#{what} input")
            field.click()
            for _ in range(fewer):
                field.press("Backspace")
            field.press("Escape")
        pick(page, "methods", "random –")
        page.locator("#compare").click()
        page.locator("#compare-grid .waiting").first.wait_for()
        page.locator(REPORT).wait_for()
        cells = page.locator("#compare-grid td")
        assert cells.count() == 2
        assert cells.locator("img").count() == 2
        assert "deletion" in cells.nth(1).inner_text()
        cells.nth(0).locator("button").click()
        assert page.locator("dialog p").inner_text() == "causal, hidden by ad"
        page.keyboard.press("Escape")
        page.locator("dialog").wait_for(state="detached")
        assert "methods and removals compared" in page.frame_locator(REPORT).locator("h1").inner_text()


SCANS = """
import torch
from unseen import Classifier, Preprocessing

class Bright(torch.nn.Module):
    def forward(self, x):
        bright = 40 * x[:, 0, 4:8, 2:6, 6:9].flatten(1).mean(1)
        return torch.stack([bright, torch.full_like(bright, 20.0)], 1)

def build():
    fed = Preprocessing((12, 10, 14), None, mean=(0,), std=(100,), range=(0, 100), unit="HU")
    return Classifier(Bright(), fed, ["nodule", "none"])
"""


def test_a_volume_is_explained_and_scrolled(browser: Browser, tmp_path: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    (tmp_path / "scans.py").write_text(SCANS)
    values = np.zeros((12, 10, 14), np.float32)
    values[4:8, 2:6, 6:9] = 90
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), tmp_path / "scan.nii.gz")
    serving = Serving("--model", f"python:{tmp_path / 'scans.py'}:build")
    try:
        with visit(browser, serving.address) as page:
            page.locator("#explain").click()
            page.get_by_text("there is no volume yet; drop one above").wait_for()
            give(page, tmp_path / "scan.nii.gz")
            assert "slices 8 of 14 (down → up)" in page.locator("#said figcaption").inner_text()
            assert page.get_by_role("tab").all_inner_texts() == ["Explain", "Compare"]
            pick(page, "method", "occlusion –")
            pick(page, "removal", "black")
            assert "nodule" in explained(page)
            report = page.frame_locator(REPORT)
            name = report.locator("[data-name]").first
            report.locator("[data-slice]").first.fill("0")
            name.filter(has_text="14 of 14 (down → up)").wait_for()
    finally:
        serving.end()


def test_an_evaluation_is_read(browser: Browser, server: Serving) -> None:
    with visit(browser, server.address) as page:
        page.get_by_role("tab", name="Evaluation").click()
        page.locator(REPORT).wait_for()
        report = page.frame_locator(REPORT)
        assert report.locator("h1").inner_text() == "1 photograph, 1 method, 1 removal evaluated"
        assert "espresso.jpg" in report.locator("table").last.inner_text()
        page.get_by_role("tab", name="Pictures").click()
        cards = page.locator("#pictures article")
        cards.first.wait_for()
        assert cards.count() == 1
        assert "insertion" in cards.inner_text()
        cards.locator("button").click()
        assert page.locator("dialog p").inner_text() == "espresso.jpg: red; saliency, hidden by black"
        page.keyboard.press("Escape")
        pick(page, "pictures-order", "insertion: worst")
        field = page.get_by_label("Photograph or class")
        field.fill("tea")
        field.press("Enter")
        page.get_by_text("There are none of these.").wait_for()
        assert cards.count() == 0


def test_who_leaves_holds_up_nobody(browser: Browser, server: Serving) -> None:
    with visit(browser, server.address) as page:
        give(page, ESPRESSO)
        endlessly(page)
    with visit(browser, server.address) as page:
        give(page, ESPRESSO)
        quickly(page)
        assert "red" in explained(page)


def test_it_fits_a_phone_in_the_dark_and_works_by_keyboard(browser: Browser, server: Serving) -> None:
    phone = {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark"}
    with visit(browser, server.address, **phone) as page:
        give(page, ESPRESSO)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert max(map(int, re.findall(r"\d+", ground)[:3])) < 60
        page.locator("#method input").focus()
        page.get_by_role("listbox").wait_for(timeout=10_000)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('#removal') !== null"), "long lists let the keyboard go on"
        pick(page, "removal", "zip –")
        page.locator("#explain").press("Enter")
        page.get_by_text(re.compile("[0-9] evaluations")).wait_for()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.get_by_text("Stopped.").wait_for()
