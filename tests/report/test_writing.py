from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image

import unseen
from helpers.browser import opened
from unseen import Classifier, Curve, Explanation, Part, Preprocessing
from unseen.errors import OutputError
from unseen.explanation.html.blocks import Column, Picture, Report, Section, Table
from unseen.explanation.html.rendering import rendered
from unseen.report import report_of, write_report

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HOSTILE = "</script><img src=x onerror=\"document.title='owned'\">{{ 7 * 7 }}'\"&<b>"
SIDE = 32


class Colour(torch.nn.Module):
    """Which channel is brightest, by how bright it is."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 25 * x.mean((2, 3))


def model(labels: tuple[str, ...] = ("red", "green", "blue")) -> Classifier:
    preparing = Preprocessing((SIDE, SIDE), None, mean=(0, 0, 0), std=(1, 1, 1))
    return Classifier(Colour(), preparing, labels)


def photograph(path: Path) -> Path:
    pixels = np.full((SIDE, SIDE, 3), 51, np.uint8)
    pixels[8:16, 8:16] = (255, 0, 0)
    Image.fromarray(pixels).save(path)
    return path


def explained(
    folder: Path, photo: Path, labels: tuple[str, ...] = ("red", "green", "blue"), **more: str
) -> Explanation:
    asked = {"method": "occlusion:window=0.25", "removal": "black", **more}
    found = unseen.explain(photo, model(labels), **asked)  # type: ignore[arg-type]
    found.save(folder)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An explanation and its report."""
    place = tmp_path_factory.mktemp("report")
    explained(place / "red", photograph(place / "photo.png"))
    write_report(place / "red")
    return place / "red"


def test_a_report_is_one_file_that_loads_nothing(folder: Path) -> None:
    page = (folder / "report.html").read_text(encoding="utf-8")
    sources = re.findall(r'(?:src|href)="([^"]{0,12})', page)
    assert sources
    assert all(source.startswith("data:image/") for source in sources)
    policy = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)[0]
    assert policy.startswith("default-src")
    assert "unsafe" not in policy
    assert "style=" not in page
    assert len(page) < 500_000


def test_the_answer_and_the_command_are_there(folder: Path) -> None:
    report = report_of(folder)
    assert report.title == "photo.png: why red?"
    assert report.answer[0].startswith("Of the full photograph the model says: red, ")
    assert dict(report.asked)["hidden by"] == "black"
    assert dict(report.asked)["photograph"] == "photo.png", "no folder of the sender's"
    assert dict(report.terms)["black"] == "a way to hide: black pixels"
    assert "torch" in dict(report.made)
    curve = Explanation.load(folder).curve
    assert curve is not None
    (drawn,) = report.sections[0].maps
    assert list(drawn.fractions) == list(curve.fractions)
    assert len(drawn.shown) == len(curve.insertion)


def test_the_walk_shows_what_the_model_was_asked_about(browser: Browser, folder: Path) -> None:
    found = Explanation.load(folder)
    assert found.curve is not None
    with opened(browser, folder / "report.html") as (page, told):
        walk = page.locator("[data-walk]")
        walk.wait_for(state="visible")
        for step in (0, 3, len(found.curve.fractions) - 1):
            walk.evaluate("(field, at) => { field.value = at; field.dispatchEvent(new Event('input')); }", step)
            said = page.locator("[data-said]").inner_text()
            assert said.startswith(f"{100 * found.curve.fractions[step]:.1f} % of the pixels shown alone: red ")
            clear = page.evaluate(
                "() => { const c = document.querySelector('[data-canvas]');"
                "return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.filter((v, i) => i % 4 == 3 && v == 0).length }"
            )
            assert clear == round(found.curve.fractions[step] * SIDE * SIDE)
        page.locator("[data-deletion]").check()
        assert "hidden: red" in page.locator("[data-said]").inner_text()
        opacity = page.locator("[data-opacity]")
        opacity.evaluate("field => { field.value = 20; field.dispatchEvent(new Event('input')); }")
        assert page.locator("[data-colours]").evaluate("image => getComputedStyle(image).opacity") == "0.2"
        assert told == []


def test_tables_sort_by_number_and_filter_by_words(browser: Browser, tmp_path: Path) -> None:
    rows = [
        ["cat", "0.90", "−3 points"],
        ["dog", "0.10", "+20 points"],
        ["cat", "–", "–"],
        ["cow", "1,200", "0 points"],
    ]
    table = Table(
        "Values", [Column("what"), Column("value", "How much", number=True), Column("change", number=True)], rows
    )
    (tmp_path / "page.html").write_text(
        rendered(Report("Tables", [], [], [Section("All", tables=[table])])), encoding="utf-8"
    )
    with opened(browser, tmp_path / "page.html") as (page, told):
        column = lambda place: page.locator(f"tbody tr:visible td:nth-child({place})").all_inner_texts()  # noqa: E731
        page.get_by_role("button", name="value").click()
        assert column(2) == ["0.10", "0.90", "1,200", "–"]
        page.get_by_role("button", name="value").click()
        assert column(2) == ["1,200", "0.90", "0.10", "–"]
        page.get_by_role("button", name="change").click()
        assert column(3) == ["−3 points", "0 points", "+20 points", "–"]
        page.get_by_role("searchbox").fill("CAT 0.9")
        assert column(1) == ["cat"]
        assert told == []


def test_what_users_name_is_text_and_never_runs(browser: Browser, tmp_path: Path) -> None:
    name = HOSTILE.replace("/", "_")
    photo = photograph(tmp_path / f"{name}.png")
    labels = (HOSTILE, "green", "blue")
    explained(tmp_path / "one", photo, labels)
    trials = unseen.hide(photo, model(labels), part="box:8,8,8,8", removals=["black", "ad"])
    trials.save(tmp_path / "two")
    unseen.compare(
        photo, model(labels), methods="occlusion:window=0.5", removals=["black", "ad"], folder=tmp_path / "three"
    )
    for place in ("one", "two", "three"):
        with opened(browser, write_report(tmp_path / place)) as (page, told):
            page.wait_for_load_state()
            assert page.title() != "owned"
            assert page.evaluate("document.querySelectorAll('img[src=x], b').length") == 0
            assert page.evaluate("document.querySelectorAll('script').length") == 1
            text = page.inner_text("body")
            assert HOSTILE in text
            assert "{{ 7 * 7 }}" in text
            for button in page.get_by_role("button").all():
                button.click()
            assert told == []


def test_it_fits_a_phone_and_follows_the_dark_mode(browser: Browser, folder: Path) -> None:
    phone = {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark"}
    with opened(browser, folder / "report.html", **phone) as (page, told):
        page.locator("[data-walk]").wait_for(state="visible")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert max(map(int, re.findall(r"\d+", ground))) < 60
        assert len(page.pdf()) > 10_000
        names = page.get_by_text("a way to hide: black pixels")
        assert not names.is_visible()
        page.emulate_media(media="print")
        assert names.is_visible(), "what is folded is printed"
        assert told == []


def test_without_script_the_page_still_says_everything(browser: Browser, folder: Path) -> None:
    with opened(browser, folder / "report.html", java_script_enabled=False) as (page, told):
        assert "the model says: red" in page.locator("main").inner_text()
        assert page.locator("[data-colours]").is_visible()
        assert not page.locator(".walk").is_visible()
        assert told == []


def test_many_photographs_and_what_failed(tmp_path: Path) -> None:
    for name in ("a", "b"):
        explained(tmp_path / name, photograph(tmp_path / f"{name}.png"))
    (tmp_path / "b" / "saliency.npy").write_bytes(b"damaged")
    report = report_of(tmp_path)
    assert report.title == "1 photograph explained"
    assert [what for what, _ in report.failures] == ["b"]
    assert [cell for row in report.sections[0].tables[0].rows for cell in row][:2] == ["a.png", "red"]
    assert "saliency.npy" in report.failures[0][1]
    assert report.failures[0][1].split(";")[0][:40] in rendered(report)


def test_a_folder_without_results_is_refused_and_the_remedy_works(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="holds no results; name a folder that one of these wrote") as refused:
        write_report(tmp_path)
    assert "unseen hide" in str(refused.value)
    unseen.hide(photograph(tmp_path / "photo.png"), model(), part="box:8,8,8,8", removals="black").save(tmp_path)
    assert write_report(tmp_path).is_file()
    with pytest.raises(OutputError, match="is no folder"):
        report_of(tmp_path / "nowhere")


@pytest.mark.parametrize("text", ["{", '{"trials": 3}', "[]"])
def test_a_damaged_record_is_refused(tmp_path: Path, text: str) -> None:
    for record in ("hide.json", "comparison.json"):
        place = tmp_path / record.partition(".")[0]
        place.mkdir(exist_ok=True)
        (place / record).write_text(text)
        with pytest.raises(OutputError, match="is damaged or of another kind"):
            report_of(place)


def test_only_pictures_of_the_folder_itself_are_taken(tmp_path: Path) -> None:
    Image.new("RGB", (40, 40), "red").save(tmp_path / "secret.png")
    place = tmp_path / "results"
    photo = photograph(tmp_path / "photo.png")
    files = unseen.hide(photo, model(), part="box:8,8,8,8", removals="black").save(place)
    before = rendered(report_of(place)).count("data:image")
    text = files["record"].read_text(encoding="utf-8")
    files["record"].write_text(text.replace("hidden-1.png", "../secret.png"), encoding="utf-8")
    assert rendered(report_of(place)).count("data:image") == before - 1


def test_a_map_without_curve_is_walked_without_words(browser: Browser, tmp_path: Path) -> None:
    mask = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    mask[4:9, 4:20] = True
    saliency = torch.arange(SIDE * SIDE, dtype=torch.float32).reshape(SIDE, SIDE) - 100
    part = Part(mask, "sufficient", 0.5, 0.7, True)
    Explanation(torch.rand(3, SIDE, SIDE), saliency, 0, "red", 0.7, "drawn", "black", (part,)).save(tmp_path)
    assert Curve((0.0, 1.0), (0.1, 0.7), (0.7, 0.1)).insertion_area > 0
    with opened(browser, write_report(tmp_path)) as (page, told):
        page.locator("[data-walk]").wait_for(state="visible")
        assert "the model was not asked along this ranking" in page.locator("[data-said]").inner_text()
        box = page.locator("[data-show]")
        path = page.locator("[data-part]")
        assert path.evaluate("p => p.getBBox().width") == 16
        box.uncheck()
        assert path.evaluate("p => getComputedStyle(p).display") == "none"
        assert told == []


def test_pictures_have_words_in_their_place() -> None:
    page = rendered(Report("Title", [], [], [Section("All", pictures=[Picture("data:image/png;base64,", 'a "cup"')])]))
    assert 'alt="a &#34;cup&#34;"' in page
